/** The upstream of all measurements: nginx where it is installed, else a minimal server on node:net. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '../test/support/tool.ts';
import { LOAD_CORE, Process } from './process.ts';
import { freePort, waitForPort } from './proxies.ts';

export interface Upstream {
  readonly port: number;
  readonly process: Process;
  readonly what: string;
}

export async function startUpstream(directory: string): Promise<Upstream> {
  const port = await freePort();
  const nginx = findTool('nginx');
  const process_ = nginx === null ? nodeUpstream(port) : nginxUpstream(nginx, port, directory);
  await waitForPort(port, process_);
  return { port, process: process_, what: nginx === null ? 'node:net' : 'nginx' };
}

/** Node's own HTTP/2: slow beside what is measured, but what the proxy spends on a request does not depend on it. */
export async function startHttp2Upstream(): Promise<Upstream> {
  const port = await freePort();
  const script = fileURLToPath(new URL('servers/http2-upstream.ts', import.meta.url));
  const process_ = new Process(process.execPath, [script, String(port)], LOAD_CORE);
  await waitForPort(port, process_);
  return { port, process: process_, what: 'node:http2' };
}

function nodeUpstream(port: number): Process {
  const script = fileURLToPath(new URL('servers/upstream.ts', import.meta.url));
  return new Process(process.execPath, [script, String(port)], LOAD_CORE);
}

function nginxUpstream(nginx: string, port: number, directory: string): Process {
  const folder = join(directory, 'upstream');
  mkdirSync(join(folder, 'www'), { recursive: true });
  writeFileSync(join(folder, 'www', '10k'), 'x'.repeat(10 * 1024));
  writeFileSync(join(folder, 'www', '1m'), 'x'.repeat(1024 * 1024));
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr crit; user root;
events { worker_connections 20000; }
http {
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; open_file_cache max=10; default_type text/plain;
  keepalive_requests 100000000; keepalive_timeout 3600s; client_body_buffer_size 64k; output_buffers 1 64k;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 200 "${'x'.repeat(100)}"; }
    location = /api/v2/spans { return 202; }
    location = /10k { root ${folder}/www; }
    location = /1m { root ${folder}/www; }
  }
}
`,
  );
  return new Process(nginx, ['-c', file, '-p', folder, '-e', '/dev/stderr'], LOAD_CORE);
}
