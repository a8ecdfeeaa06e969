import { describe, expect, test } from 'vitest';
import type { MatchInputSettings } from '../../../src/http/matching/match-input.ts';
import { buildMatchTree, type MatchTreeSettings, NO_ACTION } from '../../../src/http/matching/match-tree.ts';
import { ipAddress, pipeAddress } from '../../../src/net/address.ts';
import { connectionInfo, newStreamInfo, requestHeaders } from '../../support/hcm-rig.ts';

const SOURCE: MatchInputSettings = { kind: 'source_ip' };
const SERVER: MatchInputSettings = { kind: 'server_name' };
const leaf = (action: number) => ({ action });
const nothing = { tree: { kind: 'list', entries: [], onNoMatch: null } } as const;

const fromIp = (settings: MatchTreeSettings, ip: string) =>
  buildMatchTree(settings).match(null, newStreamInfo(connectionInfo({}, ipAddress(ip, 1))));

describe('a tree of IP ranges', () => {
  const tree = (exclusive: boolean): MatchTreeSettings => ({
    kind: 'ip',
    input: SOURCE,
    ranges: [
      { range: '10.1.0.0/16', onMatch: nothing, exclusive: false },
      { range: '10.0.0.0/8', onMatch: leaf(1), exclusive },
      { range: 'fc00::/7', onMatch: leaf(2), exclusive: false },
    ],
    onNoMatch: leaf(9),
  });
  test('the narrowest that has an answer gives it', () => {
    expect(['10.1.1.1', '10.2.1.1', '11.1.1.1', 'fc00::1'].map((ip) => fromIp(tree(false), ip))).toEqual([1, 1, 9, 2]);
  });
  test('an exclusive one counts only where it is the narrowest', () => {
    expect([fromIp(tree(true), '10.1.1.1'), fromIp(tree(true), '10.2.1.1')]).toEqual([9, 1]);
  });
  test('what is no address matches nothing', () => {
    const info = newStreamInfo(connectionInfo({}, pipeAddress('/run/x')));
    expect(buildMatchTree(tree(false)).match(null, info)).toBe(9);
  });
});

test('a tree of server names: the whole name, then the longest end of it, then any', () => {
  const map = { 'a.b.c': nothing, '*.b.c': leaf(1), '*.c': leaf(2), '*': leaf(3) };
  const tree = buildMatchTree({ kind: 'server_name', input: SERVER, map, onNoMatch: leaf(9) });
  const of = (requestedServerName: string) => tree.match(null, newStreamInfo(connectionInfo({ requestedServerName })));
  expect(['a.b.c', 'x.b.c', 'x.y.b.c', 'b.c', 'c', 'other', ''].map(of)).toEqual([1, 1, 1, 2, 3, 3, 9]);
});

describe('inputs', () => {
  const value = (input: MatchInputSettings, exact: string): MatchTreeSettings => ({
    kind: 'exact',
    input,
    map: { [exact]: leaf(0) },
    onNoMatch: null,
  });
  const info = newStreamInfo(
    connectionInfo({ localAddress: ipAddress('10.0.0.1', 80), requestedServerName: 'sni' }, ipAddress('10.0.0.2', 4000)),
  );
  info.remoteAddress = ipAddress('8.8.8.8', 0);
  info.dynamicMetadata = new Map([['ns', { a: { b: 'deep' }, n: 1 }]]);
  const headers = requestHeaders({ 'x-a': '1' }, 'GET', '/p?q=a%20b&e');
  const cases: [MatchInputSettings, string][] = [
    [{ kind: 'request_header', name: 'x-a' }, '1'],
    [{ kind: 'query_parameter', name: 'q' }, 'a b'],
    [{ kind: 'query_parameter', name: 'e' }, ''],
    [{ kind: 'dynamic_metadata', filter: 'ns', path: ['a', 'b'] }, 'deep'],
    [{ kind: 'destination_ip' }, '10.0.0.1'],
    [{ kind: 'destination_port' }, '80'],
    [{ kind: 'source_ip' }, '8.8.8.8'],
    [{ kind: 'source_port' }, '0'],
    [{ kind: 'direct_source_ip' }, '10.0.0.2'],
    [{ kind: 'server_name' }, 'sni'],
  ];
  test.each(cases)('%o is %s', (input, exact) => {
    expect(buildMatchTree(value(input, exact)).match(headers, info)).toBe(0);
    expect(buildMatchTree(value(input, exact + '.')).match(headers, info)).toBe(NO_ACTION);
  });
  test('what is not there matches nothing, not even the empty text', () => {
    const absent: MatchInputSettings[] = [
      { kind: 'source_type' },
      { kind: 'uri_san' },
      { kind: 'filter_state', name: 'x' },
      { kind: 'dynamic_metadata', filter: 'ns', path: ['n'] },
      { kind: 'query_parameter', name: 'none' },
    ];
    expect(absent.map((input) => buildMatchTree(value(input, '')).match(headers, info))).toEqual(absent.map(() => NO_ACTION));
    expect(buildMatchTree(value({ kind: 'request_header', name: 'x-a' }, '')).match(null, info)).toBe(NO_ACTION);
  });
});
