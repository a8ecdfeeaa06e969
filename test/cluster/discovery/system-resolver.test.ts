import { createSocket } from 'node:dgram';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseHosts, SystemResolver, searchNames } from '../../../src/cluster/discovery/system-resolver.ts';

describe('hosts file', () => {
  const text = '127.0.0.1 localhost # comment\n::1 localhost ip6\n# 9.9.9.9 web\n10.0.0.1\tdb.test  DB web\n10.0.0.2 web\n';
  test.each([
    ['localhost', 4, ['127.0.0.1']],
    ['localhost', 6, ['::1']],
    ['db', 4, ['10.0.0.1']],
    ['web', 4, ['10.0.0.1', '10.0.0.2']],
    ['web', 6, []],
    ['comment', 4, []],
  ] as const)('%s over IPv%d', (name, family, ips) => {
    expect(parseHosts(text, name, family).map((a) => a.ip)).toEqual(ips);
  });
});

describe('search list', () => {
  const conf = 'nameserver 1.1.1.1\nsearch ns.svc.cluster.local svc.cluster.local\noptions timeout:1 ndots:2\n';
  test.each([
    ['web', conf, ['web.ns.svc.cluster.local', 'web.svc.cluster.local', 'web']],
    ['web.ns', conf, ['web.ns.ns.svc.cluster.local', 'web.ns.svc.cluster.local', 'web.ns']],
    ['a.b.test', conf, ['a.b.test', 'a.b.test.ns.svc.cluster.local', 'a.b.test.svc.cluster.local']],
    ['web.', conf, ['web']],
    ['web', '', ['web']],
    ['a.test', 'search x.\n', ['a.test', 'a.test.x']],
  ])('%s', (name, text, names) => {
    expect(searchNames(name, text)).toEqual(names);
  });
});

/** A DNS server that knows one IPv4 name, has no data for a second, and refuses everything else (RFC 1035 §4.1). */
describe('over the wire', () => {
  const server = createSocket('udp4');
  let resolver: SystemResolver;

  beforeAll(async () => {
    server.on('message', (question, from) => {
      const labels: string[] = [];
      let at = 12;
      for (let n = question[at]!; n > 0; n = question[at]!) {
        labels.push(question.toString('latin1', at + 1, at + 1 + n));
        at += n + 1;
      }
      const name = labels.join('.');
      const type = question.readUInt16BE(at + 1);
      const head = Buffer.from(question.subarray(0, at + 5));
      const known = name === 'web.test' && type === 1;
      const rcode = name === 'web.test' || name === 'none.test' ? 0 : name === 'gone.test' ? 3 : 5;
      head.writeUInt16BE(0x8180 | rcode, 2);
      head.writeUInt16BE(known ? 1 : 0, 6);
      head.writeUInt16BE(0, 8);
      head.writeUInt16BE(0, 10);
      const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 77, 0, 4, 10, 1, 2, 3]);
      server.send(known ? Buffer.concat([head, answer]) : head, from.port, from.address);
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    const dir = mkdtempSync(join(tmpdir(), 'outrider-dns-'));
    const files = { hosts: join(dir, 'hosts'), resolvConf: join(dir, 'resolv.conf') };
    writeFileSync(files.hosts, '10.9.9.9 local.test\n');
    writeFileSync(files.resolvConf, '');
    resolver = new SystemResolver([`127.0.0.1:${server.address().port}`], null, files);
  });

  afterAll(() => void server.close());

  test('an answer with its TTL', async () => {
    expect(await resolver.resolve('web.test', 4)).toEqual([{ ip: '10.1.2.3', ttlS: 77 }]);
  });

  test.each(['none.test', 'gone.test'])('%s has no address: that is an answer', async (name) => {
    expect(await resolver.resolve(name, 4)).toEqual([]);
  });

  test('a refusal is none', async () => {
    await expect(resolver.resolve('refused.test', 4)).rejects.toThrow();
  });

  test('literals, the hosts file and localhost need no server', async () => {
    expect(await resolver.resolve('192.0.2.1', 4)).toEqual([{ ip: '192.0.2.1', ttlS: Number.POSITIVE_INFINITY }]);
    expect(await resolver.resolve('192.0.2.1', 6)).toEqual([]);
    expect((await resolver.resolve('local.test', 4))[0]!.ip).toBe('10.9.9.9');
    expect((await resolver.resolve('localhost', 6))[0]!.ip).toBe('::1');
  });
});

describe('options', () => {
  /** Answers nothing; remembers what it was asked. */
  const server = createSocket('udp4');
  const asked: string[] = [];
  let files: { hosts: string; resolvConf: string };
  let at = '';

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'outrider-dns-'));
    files = { hosts: join(folder, 'hosts'), resolvConf: join(folder, 'resolv.conf') };
    writeFileSync(files.hosts, '');
    writeFileSync(files.resolvConf, 'search inner.test\noptions ndots:2\n');
    server.on('message', (query, peer) => {
      let name = '';
      for (let p = 12; query[p] !== 0; p += query[p]! + 1) name += `${query.subarray(p + 1, p + 1 + query[p]!).toString('latin1')}.`;
      asked.push(name);
      if (!name.startsWith('silent'))
        server.send(Buffer.concat([query.subarray(0, 2), Buffer.from([0x81, 0x83]), query.subarray(4)]), peer.port);
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    at = `127.0.0.1:${server.address().port}`;
  });
  afterAll(() => server.close());

  const OPTIONS = { queryTimeoutMs: 50, queryTries: 2, searchDomains: true, asFallback: false };

  test('a server is asked as often as it is given tries', async () => {
    asked.length = 0;
    const resolver = new SystemResolver([at], { ...OPTIONS, searchDomains: false }, files);
    await expect(resolver.resolve('silent.a.test', 4)).rejects.toThrow();
    expect(asked).toEqual(['silent.a.test.', 'silent.a.test.']);
  });

  test('the search list may be left out', async () => {
    asked.length = 0;
    await new SystemResolver([at], OPTIONS, files).resolve('web', 4);
    await new SystemResolver([at], { ...OPTIONS, searchDomains: false }, files).resolve('web', 4);
    expect(asked).toEqual(['web.inner.test.', 'web.', 'web.']);
  });

  test('servers that are a fallback are asked where resolv.conf names none', async () => {
    asked.length = 0;
    await new SystemResolver([at], { ...OPTIONS, searchDomains: false, asFallback: true }, files).resolve('web', 4);
    expect(asked).toEqual(['web.']);
  });
});
