/** Load of 64 keep-alive connections, by wrk where it is installed (it leaves more of the core to the upstream), else autocannon; h2load for HTTP/2. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { findTool } from '../test/support/tool.ts';
import { LOAD_CORE, run } from './process.ts';

export interface LoadRequest {
  readonly path: string;
  /** Bytes of a POST body; 0 for a GET. */
  readonly bodyBytes: number;
  /** HTTP/2 on 4 connections with 16 streams each, by h2load. */
  readonly http2?: boolean;
  /** With `http2`: unary gRPC calls with a message of 30 bytes. */
  readonly grpc?: boolean;
  /** Over TLS; 'new' = a connection, and so a handshake, for each request. */
  readonly tls?: 'kept' | 'new';
}

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly errors: number;
}

export type Generator = 'wrk' | 'autocannon';

const CONNECTIONS = 64;

export function defaultGenerator(): Generator {
  return findTool('wrk') === null ? 'autocannon' : 'wrk';
}

export function applyLoad(
  generator: Generator,
  port: number,
  request: LoadRequest,
  seconds: number,
  directory: string,
): Promise<LoadResult> {
  const url = `${request.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}${request.path}`;
  if (request.http2 === true) return h2load(url, request.grpc === true, seconds, directory);
  return generator === 'wrk' ? wrk(url, request, seconds, directory) : autocannon(url, request, seconds);
}

async function wrk(url: string, request: LoadRequest, seconds: number, directory: string): Promise<LoadResult> {
  const close = request.tls === 'new' ? 'wrk.headers["connection"] = "close"\n' : '';
  const script = join(directory, `wrk-${request.bodyBytes}-${request.tls ?? ''}.lua`);
  const post = request.bodyBytes > 0 ? `wrk.method = "POST"\nwrk.body = string.rep("p", ${request.bodyBytes})\n` : '';
  // The text summary rounds to three digits; this prints the numbers themselves.
  writeFileSync(
    script,
    `${post}${close}function done(s, l, r)
  local errors = s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\\n", s.requests, s.duration, l:percentile(50), l:percentile(99), errors))
end
`,
  );
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url];
  const out = await run(findTool('wrk') as string, args, LOAD_CORE);
  const numbers = /RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(out)?.slice(1).map(Number);
  if (numbers === undefined) throw new Error(`wrk printed no result:\n${out}`);
  const [requests = 0, durationUs = 1, p50Us = 0, p99Us = 0, errors = 0] = numbers;
  return { requests, perSecond: (requests * 1e6) / durationUs, p50Us, p99Us, errors };
}

async function autocannon(url: string, request: LoadRequest, seconds: number): Promise<LoadResult> {
  const binary = createRequire(import.meta.url).resolve('autocannon/autocannon.js');
  const post = request.bodyBytes > 0 ? ['-m', 'POST', '-b', 'p'.repeat(request.bodyBytes)] : [];
  const close = request.tls === 'new' ? ['-H', 'connection=close'] : [];
  const out = await run(
    process.execPath,
    [binary, ...close, '-j', '-n', '-c', String(CONNECTIONS), '-d', String(seconds), ...post, url],
    LOAD_CORE,
  );
  const result = JSON.parse(out) as {
    requests: { total: number };
    duration: number;
    latency: { p50: number; p99: number };
    errors: number;
    non2xx: number;
  };
  const { total } = result.requests;
  return {
    requests: total,
    perSecond: total / result.duration,
    p50Us: result.latency.p50 * 1000,
    p99Us: result.latency.p99 * 1000,
    errors: result.errors + result.non2xx,
  };
}

/** A protobuf message {1: "…"} behind gRPC's prefix: not compressed, length. */
function grpcMessage(): Buffer {
  const text = 'x'.repeat(28);
  return Buffer.from(`\0\0\0\0${String.fromCharCode(text.length + 2)}\n${String.fromCharCode(text.length)}${text}`, 'latin1');
}

async function h2load(url: string, grpc: boolean, seconds: number, directory: string): Promise<LoadResult> {
  const call: string[] = [];
  if (grpc) {
    const message = join(directory, 'grpc-message');
    writeFileSync(message, grpcMessage());
    call.push('-d', message, '-H', 'content-type: application/grpc', '-H', 'te: trailers');
  }
  const log = join(directory, 'h2load.log');
  rmSync(log, { force: true });
  const out = await run(findTool('h2load') as string, ['-c4', '-m16', `-D${seconds}`, `--log-file=${log}`, ...call, url], LOAD_CORE);
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(out)?.slice(1).map(Number);
  if (counts === undefined) throw new Error(`h2load printed no result:\n${out}`);
  const [requests = 0, failed = 0, errored = 0, timeouts = 0] = counts;
  // Start, status and duration of each request, in microseconds.
  const times = readFileSync(log, 'latin1')
    .trim()
    .split('\n')
    .map((line) => Number(line.split('\t')[2]))
    .sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  return { requests, perSecond: requests / seconds, p50Us: at(0.5), p99Us: at(0.99), errors: failed + errored + timeouts };
}
