import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { type AcceptedConnection, type ListenerFilterFactory, ListenerFilterStatus as S } from '../../../src/filters/api.ts';
import { createHttpInspector, detectHttp } from '../../../src/filters/listener/http-inspector/filter.ts';
import { inspectClientHello, inspectedBytes } from '../../../src/filters/listener/tls-inspector/client-hello.ts';
import { createTlsInspector } from '../../../src/filters/listener/tls-inspector/filter.ts';
import { ListenerRig } from '../../support/listener-rig.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('http_inspector', () => {
  test.each([
    ['GET / HTTP/1.1\r\nhost: a\r\n', 'http/1.1'],
    ['GET / HTTP/1.1\n', 'http/1.1'],
    ['\r\nPOST /a/b?c HTTP/1.1\r\n', 'http/1.1'],
    ['GET / HTTP/1.0\r\n', 'http/1.0'],
    [PREFACE, 'h2c'],
    [`${PREFACE}\0\0\0`, 'h2c'],
    ['PRI * HTTP/2.0\r\n\r\nXX', 'none'],
    ['GET / HTTP/1.2\r\n', 'none'],
    ['GET /\r\n', 'none'],
    ['SSH-2.0-OpenSSH_9.2\r\n', 'none'],
    ['\x16\x03\x01', 'none'],
    [' GET / HTTP/1.1\r\n', 'none'],
    ['GET / HTTP/1.1', 'more'],
    ['PRI * HTTP/2.0\r\n', 'more'],
    ['G', 'more'],
    ['', 'more'],
  ] as const)('%j is %s', (text, expected) => {
    expect(detectHttp(text)).toBe(expected);
    // Fewer bytes give the same answer or none; what is not HTTP may show sooner.
    for (let n = 0; n < text.length; n++) {
      const early = detectHttp(text.slice(0, n));
      expect(early === 'more' || early === expected, `${n} bytes: ${early}`).toBe(true);
    }
  });

  test('sets the application protocol and counts', () => {
    const { status, info, stats } = run(createHttpInspectorWith, 'GET / HTTP/1.1\r\n');
    expect(status).toBe(S.Done);
    expect(info.applicationProtocols).toEqual(['http/1.1']);
    expect(stats).toEqual({ 'http_inspector.http11_found': 1 });
  });

  test('leaves TLS alone', () => {
    expect(run(createHttpInspectorWith, '', { transportProtocol: 'tls' }).status).toBe(S.Done);
  });

  test('ends a request line that does not end', () => {
    const { status, stats } = run(createHttpInspectorWith, `GET /${'a'.repeat(70_000)}`);
    expect(status).toBe(S.Close);
    expect(stats).toEqual({ 'http_inspector.read_error': 1 });
  });
});

/** What Node's own TLS client sends first. */
function captureClientHello(servername: string, ALPNProtocols: string[]): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createTcpServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      const options = {
        host: '127.0.0.1',
        port,
        ...(servername === '' ? {} : { servername }),
        ...(ALPNProtocols.length === 0 ? {} : { ALPNProtocols }),
      };
      connectTls(options).on('error', () => undefined);
    });
  });
}

describe('tls_inspector', () => {
  test('what is no ClientHello is seen by the header of its record, or by the record', () => {
    expect(inspectedBytes(Buffer.from('GET / HTTP/1.1\r\n'))).toBe(5);
    expect(inspectedBytes(Buffer.from('G'))).toBe(1);
    expect(inspectedBytes(Buffer.from('\x16\x03\x01\x00\x05hello, and more', 'latin1'))).toBe(10);
  });

  let hello: Buffer;
  let bare: Buffer;
  beforeAll(async () => {
    hello = await captureClientHello('Shop.Test', ['h2', 'http/1.1']);
    bare = await captureClientHello('', []);
  });

  test('reads a real ClientHello, cut at every byte', () => {
    for (let n = 0; n < hello.length; n++) expect(inspectClientHello(hello.subarray(0, n))).toBe('more');
    expect(inspectClientHello(hello)).toMatchObject({ serverName: 'shop.test', applicationProtocols: ['h2', 'http/1.1'] });
    expect(inspectClientHello(bare)).toMatchObject({ serverName: '', applicationProtocols: [] });
  });

  test('reads one that is cut over several records', () => {
    const body = hello.subarray(5);
    const records: Buffer[] = [];
    for (let at = 0; at < body.length; at += 50) {
      const part = body.subarray(at, at + 50);
      records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
    }
    expect(inspectClientHello(Buffer.concat(records))).toMatchObject({ serverName: 'shop.test', applicationProtocols: ['h2', 'http/1.1'] });
    const all = Buffer.concat(records);
    expect(inspectedBytes(Buffer.concat([all, Buffer.from('what comes then')]))).toBe(all.length);
  });

  test('survives any change of any byte', () => {
    for (let i = 0; i < hello.length; i++) {
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Buffer.from(hello);
        changed[i] = value;
        const result = inspectClientHello(changed);
        expect(typeof result === 'string' ? ['more', 'not-tls', 'malformed'].includes(result) : typeof result.serverName === 'string').toBe(
          true,
        );
      }
    }
  });

  test('sets what it found and counts', () => {
    const { status, info, stats } = run(createTlsInspectorWith(), hello.toString('latin1'));
    expect(status).toBe(S.Done);
    expect(info).toMatchObject({ transportProtocol: 'tls', requestedServerName: 'shop.test', applicationProtocols: ['h2', 'http/1.1'] });
    expect(stats).toEqual({ 'tls_inspector.tls_found': 1, 'tls_inspector.alpn_found': 1, 'tls_inspector.sni_found': 1 });
    expect(run(createTlsInspectorWith(), bare.toString('latin1')).stats).toEqual({
      'tls_inspector.tls_found': 1,
      'tls_inspector.alpn_not_found': 1,
      'tls_inspector.sni_not_found': 1,
    });
  });

  test('plain text is not TLS', () => {
    const { status, info, stats } = run(createTlsInspectorWith(), 'GET / HTTP/1.1\r\n');
    expect(status).toBe(S.Done);
    expect(info.transportProtocol).toBe('');
    expect(stats).toEqual({ 'tls_inspector.tls_not_found': 1 });
  });

  test('a ClientHello beyond the limit ends the connection', () => {
    const { status, stats } = run(createTlsInspectorWith(100), hello.subarray(0, 120).toString('latin1'));
    expect(status).toBe(S.Close);
    expect(stats).toEqual({ 'tls_inspector.client_hello_too_large': 1 });
  });
});

function createHttpInspectorWith(rig: ListenerRig): ListenerFilterFactory {
  return createHttpInspector({}, rig.filterDeps);
}

function createTlsInspectorWith(maxClientHelloSize = 16_384): (rig: ListenerRig) => ListenerFilterFactory {
  return (rig) => createTlsInspector({ maxClientHelloSize, closeOnParseError: false, ja3: false, ja4: false }, rig.filterDeps);
}

function run(make: (rig: ListenerRig) => ListenerFilterFactory, bytes: string, facts: Record<string, unknown> = {}) {
  const rig = new ListenerRig();
  const filter = make(rig).newFilter();
  const info: Record<string, unknown> = { transportProtocol: '', requestedServerName: '', applicationProtocols: [], ...facts };
  const accepted = { info } as unknown as AcceptedConnection;
  let status = filter.onAccept(accepted);
  if (status === S.NeedData && bytes !== '') status = filter.onData(accepted, Buffer.from(bytes, 'latin1'));
  return { status, info, stats: rig.stats.nonZero() };
}
