/** HTTP/2 and HTTP/1 on either side of the running proxy, and 256 MiB to and from a peer that stops reading on the way. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN, ProxyProcess } from '../support/proxy.ts';

/** No multiple of the window: Node ends a stream without END_STREAM when its last byte fills it. */
const TOTAL = (256 << 20) - (5 << 16);
const HALT_AT = 8 << 20;
const BLOCK = Buffer.alloc(1 << 16, 0x61);
/** Windows of 16 MiB for the stream and 24 MiB for the connection on the side that sends, and what a garbage collector leaves lying. */
const MAY_GROW = 96 << 20;
const EXTENSIONS = 'type.googleapis.com/envoy.extensions';

let one: http.Server;
let two: http2.Http2Server;
let proxy: ProxyProcess;
let port: number;
let sent = 0;
let received = 0;
let letGo: () => void = () => undefined;
let onHalt: () => void = () => undefined;

/** "/echo" sends back; "/flood" sends 256 MiB; "/sink" stops reading on the way. */
function serve(path: string, input: NodeJS.ReadableStream, output: NodeJS.WritableStream, respond: () => void): void {
  respond();
  if (path.endsWith('/echo')) input.pipe(output);
  else if (path.endsWith('/flood')) {
    let left = TOTAL;
    const more = (): void => {
      while (left > 0) {
        left -= BLOCK.length;
        sent += BLOCK.length;
        if (!output.write(BLOCK)) return;
      }
      output.end();
    };
    output.on('drain', more);
    output.on('error', () => undefined);
    more();
  } else {
    input.on('error', () => undefined);
    input.on('data', (chunk: Buffer) => {
      const before = received;
      received += chunk.length;
      if (before < HALT_AT && received >= HALT_AT) {
        input.pause();
        letGo = () => input.resume();
        onHalt();
      }
    });
    input.on('end', () => output.end());
  }
}

beforeAll(async () => {
  one = http.createServer((request, response) => serve(request.url ?? '', request, response, () => response.writeHead(200).flushHeaders()));
  two = http2.createServer();
  two.on('stream', (each: http2.Http2Stream, headers) => {
    const stream = each as http2.ServerHttp2Stream;
    stream.on('error', () => undefined);
    serve(String(headers[':path']), stream, stream, () => stream.respond({ ':status': 200 }));
  });
  for (const server of [one, two]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cluster = (name: string, to: number, more: string) =>
    `  - name: ${name}\n    load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${to}}}}}]}]}\n${more}`;
  proxy = await ProxyProcess.start(
    `${ADMIN}
static_resources:
  listeners:
  - name: http
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": ${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h
          http_protocol_options: {enable_trailers: true}
          route_config:
            virtual_hosts:
            - name: a
              domains: ["*"]
              routes:
              - {match: {prefix: /1/}, route: {cluster: one, timeout: 0s}}
              - {match: {prefix: /2/}, route: {cluster: two, timeout: 0s}}
          http_filters: [{name: r, typed_config: {"@type": ${EXTENSIONS}.filters.http.router.v3.Router}}]
  clusters:
${cluster('one', (one.address() as AddressInfo).port, '')}
${cluster('two', (two.address() as AddressInfo).port, '    http2_protocol_options: {}\n')}
`,
    { args: ['-l', 'error', '--concurrency', '1'] },
  );
  port = (await proxy.ports()).get('http')!;
});

afterAll(async () => {
  await proxy.stop();
  one.closeAllConnections();
  one.close();
  two.close();
});

function resident(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${proxy.pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
}

/** Until `count` has not moved while the proxy answered some questions. */
async function stalled(count: () => number): Promise<void> {
  for (let same = 0, last = -1; same < 20; ) {
    await proxy.admin('/ready');
    same = count() === last ? same + 1 : 0;
    last = count();
  }
}

/** A request of either version. */
function open(version: 1 | 2, path: string): { stream: NodeJS.ReadWriteStream; answered: Promise<NodeJS.ReadableStream>; close(): void } {
  if (version === 1) {
    const request = http.request({ port, host: '127.0.0.1', method: 'POST', path, agent: false });
    const answered = new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      request.on('response', resolve);
      request.on('error', reject);
    });
    request.flushHeaders();
    return { stream: request as unknown as NodeJS.ReadWriteStream, answered, close: () => request.destroy() };
  }
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  const stream = session.request({ ':method': 'POST', ':path': path });
  stream.on('error', () => undefined);
  const answered = new Promise<NodeJS.ReadableStream>((resolve) => stream.on('response', () => resolve(stream)));
  return { stream, answered, close: () => session.destroy() };
}

const combinations = [
  [1, 1],
  [1, 2],
  [2, 1],
  [2, 2],
] as const;

test.each(combinations)('HTTP/%i to HTTP/%i: a body of some megabytes comes back as it went', async (client, upstream) => {
  const { stream, answered, close } = open(client, `/${upstream}/echo`);
  const body = Buffer.alloc(3 << 20);
  for (let i = 0; i < body.length; i += 4) body.writeUInt32LE(i, i);
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of await answered) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).equals(body)).toBe(true);
  close();
});

const linux = process.platform === 'linux';

test.skipIf(!linux).each(combinations)('HTTP/%i to HTTP/%i: a client that stops reading', async (client, upstream) => {
  sent = 0;
  const before = resident();
  const { stream, answered, close } = open(client, `/${upstream}/flood`);
  stream.end();
  const input = await answered;
  let got = 0;
  let halted: () => void = () => undefined;
  const halt = new Promise<void>((resolve) => {
    halted = resolve;
  });
  const done = new Promise<void>((resolve) => input.on('end', resolve));
  input.on('data', (chunk: Buffer) => {
    const had = got;
    got += chunk.length;
    if (had < HALT_AT && got >= HALT_AT) {
      input.pause();
      halted();
    }
  });
  await halt;
  await stalled(() => sent);
  expect(resident() - before).toBeLessThan(MAY_GROW);
  expect(sent).toBeLessThan(TOTAL);
  input.resume();
  await done;
  expect(got).toBe(TOTAL);
  close();
});

test.skipIf(!linux).each(combinations)('HTTP/%i to HTTP/%i: an upstream that stops reading', async (client, upstream) => {
  received = 0;
  const halted = new Promise<void>((resolve) => {
    onHalt = resolve;
  });
  const before = resident();
  const { stream, answered, close } = open(client, `/${upstream}/sink`);
  let written = 0;
  const more = (): void => {
    while (written < TOTAL) {
      written += BLOCK.length;
      if (!stream.write(BLOCK)) return;
    }
    stream.end();
  };
  stream.on('drain', more);
  more();
  const input = await answered;
  await halted;
  await stalled(() => written);
  expect(received).toBeGreaterThanOrEqual(HALT_AT);
  expect(written).toBeLessThan(TOTAL);
  expect(resident() - before).toBeLessThan(MAY_GROW);
  letGo();
  input.resume();
  await new Promise((resolve) => input.on('end', resolve));
  expect(received).toBe(TOTAL);
  close();
});
