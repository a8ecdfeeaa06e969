/** The proxies of the comparison, each as a forwarding proxy in front of one upstream. */
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOutrider } from '../test/support/outrider.ts';
import { findTool } from '../test/support/tool.ts';
import { type BootstrapOptions, bootstrap, type TlsOptions } from './bootstrap.ts';
import { PROXY_CORE, Process } from './process.ts';

export const PROXY_NAMES = ['outrider', 'envoy', 'nginx', 'haproxy', 'http-proxy', 'reply-from'] as const;
export type ProxyName = (typeof PROXY_NAMES)[number];

export interface Variant {
  readonly tcp: boolean;
  readonly accessLog: boolean;
  /** On the client's side, or on both; HTTP/1.1 otherwise. */
  readonly http2?: 'downstream' | 'both';
  /** See BootstrapOptions. */
  readonly resilience?: boolean;
  readonly jsonLog?: boolean;
  readonly tracing?: boolean;
  /** Certificates, and where TLS is spoken. */
  readonly tls?: Omit<TlsOptions, 'inner'>;
}

export interface RunningProxy {
  readonly name: ProxyName;
  readonly port: number;
  readonly process: Process;
}

const here = fileURLToPath(new URL('.', import.meta.url));

/** Why a proxy takes no part in a variant, or null if it does. */
export function whyNot(name: ProxyName, variant: Variant): string | null {
  if (name === 'envoy' || name === 'nginx' || name === 'haproxy') {
    if (findTool(name) === null) return 'not installed';
  }
  if (variant.accessLog && name !== 'outrider' && name !== 'envoy') return 'the access log is compared with Envoy only';
  if (variant.http2 !== undefined) {
    if (findTool('h2load') === null) return 'h2load is not installed';
    if (name !== 'outrider' && name !== 'envoy') return 'HTTP/2 is compared with Envoy only';
  }
  if (variant.tls !== undefined && name !== 'outrider' && name !== 'envoy') return 'TLS is compared with Envoy only';
  if (variant.resilience === true && name !== 'outrider' && name !== 'envoy') return 'resilience is compared with Envoy only';
  if (variant.tcp && (name === 'http-proxy' || name === 'reply-from' || name === 'nginx')) return 'no plain TCP';
  return null;
}

export async function startProxy(
  name: ProxyName,
  variant: Variant,
  upstream: number,
  directory: string,
  options: Partial<BootstrapOptions> = {},
): Promise<RunningProxy> {
  const port = await freePort();
  const folder = join(directory, `${name}-${port}`);
  mkdirSync(folder, { recursive: true });
  switch (name) {
    case 'outrider':
    case 'envoy': {
      const admin = await freePort();
      const file = join(folder, 'bootstrap.json');
      const accessLog = variant.accessLog ? join(folder, 'access.log') : null;
      writeFileSync(
        file,
        bootstrap({
          ...{ listener: port, admin, upstream, accessLog },
          ...{ tcp: variant.tcp, http2Upstream: variant.http2 === 'both', resilience: variant.resilience === true },
          ...{ jsonLog: variant.jsonLog === true, tracing: variant.tracing === true },
          tls: variant.tls === undefined ? null : { ...variant.tls, inner: await freePort() },
          ...options,
        }),
      );
      const binary = name === 'envoy' ? (findTool('envoy') as string) : findOutrider();
      const process = new Process(binary, ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'], PROXY_CORE);
      await ready(process, admin);
      return { name, port, process };
    }
    case 'nginx': {
      const file = join(folder, 'nginx.conf');
      writeFileSync(file, nginxConfig(folder, port, upstream));
      return listening({
        name,
        port,
        process: new Process(findTool('nginx') as string, ['-c', file, '-p', folder, '-e', '/dev/stderr'], PROXY_CORE),
      });
    }
    case 'haproxy': {
      const file = join(folder, 'haproxy.cfg');
      writeFileSync(file, haproxyConfig(port, upstream, variant.tcp));
      return listening({ name, port, process: new Process(findTool('haproxy') as string, ['-db', '-f', file], PROXY_CORE) });
    }
    case 'http-proxy':
    case 'reply-from': {
      const script = join(here, 'servers', `${name}.ts`);
      return listening({
        name,
        port,
        process: new Process(process.execPath, [script, String(port), String(upstream)], PROXY_CORE, { NODE_ENV: 'production' }),
      });
    }
  }
}

function nginxConfig(folder: string, port: number, upstream: number): string {
  return `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 20000; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 3600s; client_body_buffer_size 64k;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream up { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0; proxy_connect_timeout 5s; proxy_read_timeout 15s; proxy_next_upstream error timeout http_503; }
  }
}
`;
}

function haproxyConfig(port: number, upstream: number, tcp: boolean): string {
  const http = 'option httplog\n  http-reuse always\n  retry-on conn-failure 503\n  option forwardfor';
  return `global
  nbthread 1
  maxconn 9000
defaults
  mode ${tcp ? 'tcp' : 'http'}
  timeout connect 5s
  timeout client 3600s
  timeout server 15s
  retries 2
  ${tcp ? '' : http}
frontend in
  bind 127.0.0.1:${port}
  no log
  default_backend out
backend out
  server one 127.0.0.1:${upstream}
`;
}

/** Polls the admin interface, as an orchestrator's readiness probe does. */
export async function ready(process: Process, admin: number, giveUpMs = 60_000): Promise<number> {
  const started = performance.now();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    while (performance.now() - started < giveUpMs) {
      if (!process.running) throw new Error(`the proxy ended before it was ready:\n${process.output.slice(0, 3000)}`);
      if ((await adminStatus(admin, agent)) === 200) return performance.now() - started;
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
    throw new Error('the proxy did not become ready');
  } finally {
    agent.destroy();
  }
}

function adminStatus(port: number, agent: http.Agent): Promise<number> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, path: '/ready', agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    request.once('error', () => resolve(0));
  });
}

async function listening(proxy: RunningProxy): Promise<RunningProxy> {
  await waitForPort(proxy.port, proxy.process);
  return proxy;
}

export async function waitForPort(port: number, process: Process): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (!process.running) throw new Error(`a server ended before it listened:\n${process.output}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`nothing listens on ${port}`);
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
