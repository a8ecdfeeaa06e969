import { describe, expect, test } from 'vitest';
import { type ConnectionFacts, FilterChainTable } from '../../../src/listener/match/filter-chain-match.ts';
import { type FilterChainMatchSettings, MATCH_ANYTHING } from '../../../src/listener/settings.ts';
import { ipAddress, parseIpPort, pipeAddress } from '../../../src/net/address.ts';

type Match = Partial<FilterChainMatchSettings>;

interface Connection {
  to?: string;
  from?: string;
  directFrom?: string;
  sni?: string;
  transport?: string;
  alpn?: string[];
}

function facts(c: Connection): ConnectionFacts {
  const address = (text: string) => (text.startsWith('/') ? pipeAddress(text) : parseIpPort(text)!);
  const remote = address(c.from ?? '20.0.0.1:5000');
  return {
    localAddress: address(c.to ?? '10.0.0.1:80'),
    remoteAddress: remote,
    directRemoteAddress: c.directFrom === undefined ? remote : address(c.directFrom),
    requestedServerName: c.sni ?? '',
    transportProtocol: c.transport ?? 'raw_buffer',
    applicationProtocols: c.alpn ?? [],
  };
}

function pick(chains: Record<string, Match>, connection: Connection, fallback: string | null = null): string | null {
  const table = new FilterChainTable<string>(fallback);
  for (const [name, match] of Object.entries(chains)) expect(table.add({ ...MATCH_ANYTHING, ...match }, name)).toBeNull();
  return table.find(facts(connection));
}

const ANY: Match = {};
const tls = { transport: 'tls' };

describe('filter chain match', () => {
  test.each<[string, Record<string, Match>, Connection, string | null]>([
    // what it is about, chains, connection, picked
    ['no criteria', { any: ANY }, {}, 'any'],
    ['no chain', { a: { destinationPort: 81 } }, {}, null],

    ['port: exact before none', { any: ANY, p: { destinationPort: 80 } }, {}, 'p'],
    ['port: other port', { any: ANY, p: { destinationPort: 80 } }, { to: '10.0.0.1:81' }, 'any'],
    ['port: no way back to chains without port', { any: ANY, p: { destinationPort: 80, serverNames: ['a'] } }, { sni: 'b' }, null],

    ['destination: longest prefix', { w: { prefixRanges: ['10.0.0.0/8'] }, n: { prefixRanges: ['10.0.0.0/24'] }, any: ANY }, {}, 'n'],
    ['destination: outside', { w: { prefixRanges: ['10.0.0.0/8'] }, any: ANY }, { to: '11.0.0.1:80' }, 'any'],
    ['destination: host bits do not count', { w: { prefixRanges: ['10.9.9.9/8'] } }, {}, 'w'],
    [
      'destination: no way back to a shorter prefix',
      { w: { prefixRanges: ['10.0.0.0/8'] }, n: { prefixRanges: ['10.0.0.0/24'], transportProtocol: 'tls' } },
      {},
      null,
    ],
    [
      'destination: IPv6',
      { v4: { prefixRanges: ['0.0.0.0/0'] }, v6: { prefixRanges: ['2001:db8::/32'] } },
      { to: '[2001:db8::7]:80' },
      'v6',
    ],
    ['destination: /0 before none', { any: ANY, all: { prefixRanges: ['0.0.0.0/0'] } }, {}, 'all'],
    [
      'destination: a UNIX socket only with chains that name none',
      { any: ANY, r: { prefixRanges: ['0.0.0.0/0'], destinationPort: 0 } },
      { to: '/s' },
      'any',
    ],

    ['sni: exact', { e: { serverNames: ['a.b.c'] }, s: { serverNames: ['*.b.c'] }, any: ANY }, { sni: 'a.b.c' }, 'e'],
    ['sni: longest suffix', { l: { serverNames: ['*.b.c'] }, s: { serverNames: ['*.c'] } }, { sni: 'a.b.c' }, 'l'],
    ['sni: shorter suffix', { l: { serverNames: ['*.b.c'] }, s: { serverNames: ['*.c'] } }, { sni: 'x.c' }, 's'],
    ['sni: a suffix needs one label more', { l: { serverNames: ['*.b.c'] } }, { sni: 'b.c' }, null],
    ['sni: several labels under a suffix', { l: { serverNames: ['*.c'] } }, { sni: 'x.y.z.c' }, 'l'],
    ['sni: none given', { l: { serverNames: ['*.c'] }, any: ANY }, {}, 'any'],
    [
      'sni: no way back from exact',
      { e: { serverNames: ['a.c'], transportProtocol: 'tls' }, s: { serverNames: ['*.c'] } },
      { sni: 'a.c' },
      null,
    ],

    ['transport: exact before none', { any: ANY, t: { transportProtocol: 'tls' } }, tls, 't'],
    ['transport: other', { any: ANY, t: { transportProtocol: 'tls' } }, {}, 'any'],

    [
      'alpn: first of the connection that a chain has',
      { h1: { applicationProtocols: ['http/1.1'] }, h2: { applicationProtocols: ['h2'] } },
      { alpn: ['x', 'h2', 'http/1.1'] },
      'h2',
    ],
    ['alpn: none of them', { h2: { applicationProtocols: ['h2'] }, any: ANY }, { alpn: ['x'] }, 'any'],
    ['alpn: one chain, several', { a: { applicationProtocols: ['http/1.0', 'http/1.1', 'h2c'] } }, { alpn: ['h2c'] }, 'a'],

    [
      'direct source: not what PROXY protocol says',
      { d: { directSourcePrefixRanges: ['30.0.0.0/8'] }, any: ANY },
      { directFrom: '30.0.0.1:1' },
      'd',
    ],
    ['direct source: outside', { d: { directSourcePrefixRanges: ['30.0.0.0/8'] }, any: ANY }, { from: '31.0.0.1:1' }, 'any'],

    ['source type: local by loopback', { l: { sourceType: 'SAME_IP_OR_LOOPBACK' }, any: ANY }, { from: '127.0.0.1:1' }, 'l'],
    ['source type: local by the same address', { l: { sourceType: 'SAME_IP_OR_LOOPBACK' }, any: ANY }, { from: '10.0.0.1:1' }, 'l'],
    ['source type: external', { l: { sourceType: 'SAME_IP_OR_LOOPBACK' }, e: { sourceType: 'EXTERNAL' }, any: ANY }, {}, 'e'],
    ['source type: ANY when the other type alone is named', { l: { sourceType: 'SAME_IP_OR_LOOPBACK' }, any: ANY }, {}, 'any'],
    ['source type: no way back to ANY', { e: { sourceType: 'EXTERNAL', sourcePorts: [1] }, any: ANY }, {}, null],
    ['source type: a UNIX socket is local', { l: { sourceType: 'SAME_IP_OR_LOOPBACK' }, any: ANY }, { to: '/s', from: '/c' }, 'l'],

    ['source: longest prefix', { w: { sourcePrefixRanges: ['20.0.0.0/8'] }, n: { sourcePrefixRanges: ['20.0.0.1/32'] } }, {}, 'n'],
    ['source port: exact before none', { any: ANY, p: { sourcePorts: [4999, 5000] } }, {}, 'p'],
    ['source port: other', { any: ANY, p: { sourcePorts: [4999] } }, {}, 'any'],

    // Steps are taken in their order, whatever is more specific later on.
    ['port before destination', { p: { destinationPort: 80 }, d: { prefixRanges: ['10.0.0.1/32'] } }, {}, 'p'],
    ['destination before sni', { d: { prefixRanges: ['10.0.0.0/8'] }, s: { serverNames: ['a'] } }, { sni: 'a' }, 'd'],
    ['sni before transport', { s: { serverNames: ['a'] }, t: { transportProtocol: 'tls' } }, { sni: 'a', ...tls }, 's'],
    ['transport before alpn', { t: { transportProtocol: 'tls' }, a: { applicationProtocols: ['h2'] } }, { alpn: ['h2'], ...tls }, 't'],
    ['alpn before source', { a: { applicationProtocols: ['h2'] }, s: { sourcePrefixRanges: ['20.0.0.1/32'] } }, { alpn: ['h2'] }, 'a'],
    ['source type before source address', { e: { sourceType: 'EXTERNAL' }, s: { sourcePrefixRanges: ['20.0.0.1/32'] } }, {}, 'e'],
  ])('%s', (_about, chains, connection, picked) => {
    expect(pick(chains, connection)).toBe(picked);
    // Whatever fails goes to the default chain, and nothing else does.
    expect(pick(chains, connection, 'default')).toBe(picked ?? 'default');
  });

  test.each<[string, Match, Match]>([
    ['the same', ANY, ANY],
    ['one of several source ports', { sourcePorts: [1, 2] }, { sourcePorts: [2, 3] }],
    ['one range, written in two ways', { prefixRanges: ['10.0.0.1/8'] }, { prefixRanges: ['10.0.0.0/8'] }],
    ['one server name', { serverNames: ['a', 'b'] }, { serverNames: ['b'] }],
  ])('overlap: %s', (_about, a, b) => {
    const table = new FilterChainTable<string>(null);
    expect(table.add({ ...MATCH_ANYTHING, ...a }, 'a')).toBeNull();
    expect(table.add({ ...MATCH_ANYTHING, ...b }, 'b')).toBe('a');
  });

  test('ten thousand chains cost one walk', () => {
    const table = new FilterChainTable<number>(null);
    for (let i = 0; i < 10_000; i++)
      table.add({ ...MATCH_ANYTHING, destinationPort: 1 + (i % 100), prefixRanges: [`10.${i >> 8}.${i & 255}.0/24`] }, i);
    for (const i of [0, 1, 4711, 9999]) {
      const to = { ...facts({}), localAddress: ipAddress(`10.${i >> 8}.${i & 255}.9`, 1 + (i % 100)) };
      expect(table.find(to)).toBe(i);
    }
  });
});
