import { describe, expect, test } from 'vitest';
import type { AcceptedConnection } from '../../../src/filters/api.ts';
import { ListenerFilterStatus as S } from '../../../src/filters/api.ts';
import type { ProxyProtocolSettings } from '../../../src/filters/listener/proxy-protocol/config.ts';
import { createProxyProtocol } from '../../../src/filters/listener/proxy-protocol/filter.ts';
import { type Address, ipAddress } from '../../../src/net/address.ts';
import { ListenerRig } from '../../support/listener-rig.ts';

const DEFAULTS: ProxyProtocolSettings = {
  statPrefix: '',
  allowWithoutHeader: false,
  disallowV1: false,
  disallowV2: false,
  passed: [],
  rules: [],
};
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

/** A version 2 header: the byte of version and command, the byte of family, the rest. */
function v2(command: number, family: number, rest: string, length = rest.length): string {
  return SIGNATURE + String.fromCharCode(command, family, length >> 8, length & 255) + rest;
}

const V4 = '\x01\x02\x03\x04\x05\x06\x07\x08\x04\xd2\x00\x50';
const V6 = '\x20\x01\x0d\xb8' + '\0'.repeat(11) + '\x01' + '\xfe\x80' + '\0'.repeat(13) + '\x02' + '\x04\xd2\x01\xbb';

interface Outcome {
  status: number;
  remote: string;
  local: string;
  restored: boolean;
  left: string;
  metadata: unknown;
  stats: Record<string, number>;
}

/** Feeds `bytes` as they came together by `split`: first the part before it, then all. */
function run(bytes: string, settings: Partial<ProxyProtocolSettings> = {}, split = bytes.length): Outcome {
  const rig = new ListenerRig();
  const filter = createProxyProtocol({ ...DEFAULTS, ...settings }, rig.filterDeps).newFilter();
  const info = { localAddress: ipAddress('10.0.0.1', 80), remoteAddress: ipAddress('10.0.0.2', 9), localAddressRestored: false };
  const streamInfo = { dynamicMetadata: null as Map<string, unknown> | null };
  let buffer = Buffer.from(bytes.slice(0, split), 'latin1');
  const accepted = {
    info,
    streamInfo,
    consume: (count: number) => {
      buffer = buffer.subarray(count);
    },
    restoreLocalAddress: (address: Address) => {
      info.localAddress = address;
      info.localAddressRestored = true;
    },
    setRemoteAddress: (address: Address) => {
      info.remoteAddress = address;
    },
  } as unknown as AcceptedConnection;
  expect(filter.onAccept(accepted)).toBe(S.NeedData);
  let status = buffer.length > 0 ? filter.onData(accepted, buffer) : S.NeedData;
  if (status === S.NeedData && split < bytes.length) {
    buffer = Buffer.from(bytes, 'latin1');
    status = filter.onData(accepted, buffer);
  } else if (split < bytes.length) buffer = Buffer.concat([buffer, Buffer.from(bytes.slice(split), 'latin1')]);
  return {
    status,
    remote: info.remoteAddress.text,
    local: info.localAddress.text,
    restored: info.localAddressRestored,
    left: buffer.toString('latin1'),
    metadata: streamInfo.dynamicMetadata === null ? null : Object.fromEntries(streamInfo.dynamicMetadata),
    stats: rig.stats.nonZero(),
  };
}

const OWN = { remote: '10.0.0.2:9', local: '10.0.0.1:80', restored: false };
const found1 = { 'proxy_proto.versions.v1.found': 1 };
const found2 = { 'proxy_proto.versions.v2.found': 1 };
const error1 = { 'proxy_proto.versions.v1.error': 1 };
const error2 = { 'proxy_proto.versions.v2.error': 1 };

describe('proxy_protocol', () => {
  const accepted: [string, string, Partial<Outcome>][] = [
    ['v1 IPv4', 'PROXY TCP4 1.2.3.4 5.6.7.8 1234 80\r\n', { remote: '1.2.3.4:1234', local: '5.6.7.8:80', restored: true, stats: found1 }],
    [
      'v1 IPv6',
      'PROXY TCP6 1:2:3::4 5:6::7:8 1234 443\r\n',
      { remote: '[1:2:3::4]:1234', local: '[5:6::7:8]:443', restored: true, stats: found1 },
    ],
    [
      'v1 to the own address',
      'PROXY TCP4 1.2.3.4 10.0.0.1 1234 80\r\n',
      { remote: '1.2.3.4:1234', local: '10.0.0.1:80', restored: false, stats: found1 },
    ],
    ['v1 UNKNOWN', 'PROXY UNKNOWN\r\n', { ...OWN, stats: found1 }],
    ['v1 UNKNOWN with more', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', { ...OWN, stats: found1 }],
    ['v2 IPv4', v2(0x21, 0x11, V4), { remote: '1.2.3.4:1234', local: '5.6.7.8:80', restored: true, stats: found2 }],
    ['v2 IPv6', v2(0x21, 0x21, V6), { remote: '[2001:db8::1]:1234', local: '[fe80::2]:443', restored: true, stats: found2 }],
    ['v2 LOCAL', v2(0x20, 0x00, ''), { ...OWN, stats: found2 }],
    ['v2 LOCAL with addresses', v2(0x20, 0x11, V4), { ...OWN, stats: found2 }],
    ['v2 with TLVs', v2(0x21, 0x11, `${V4}\x04\x00\x01x\xea\x00\x02ab`), { remote: '1.2.3.4:1234', stats: found2 }],
  ];

  test.each(accepted)('%s, cut at every byte', (_about, header, expected) => {
    for (let split = 0; split <= header.length; split++) {
      const outcome = run(header + 'payload', {}, split);
      expect(outcome).toMatchObject({ status: S.Done, left: 'payload', ...expected });
    }
  });

  test.each<[string, string, Record<string, number>]>([
    ['v1 without port', 'PROXY TCP4 1.2.3.4 5.6.7.8 1234\r\n', error1],
    ['v1 with too much', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n', error1],
    ['v1 port too great', 'PROXY TCP4 1.2.3.4 5.6.7.8 1234 65536\r\n', error1],
    ['v1 port no number', 'PROXY TCP4 1.2.3.4 5.6.7.8 1234 -80\r\n', error1],
    ['v1 address of the other family', 'PROXY TCP4 ::1 ::2 1 2\r\n', error1],
    ['v1 no address', 'PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n', error1],
    ['v1 unknown protocol', 'PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n', error1],
    ['v1 without end', `PROXY TCP4 ${'1'.repeat(110)}`, error1],
    ['v2 of another version', v2(0x31, 0x11, V4), error2],
    ['v2 unknown command', v2(0x22, 0x11, V4), error2],
    ['v2 datagram', v2(0x21, 0x12, V4), error2],
    ['v2 too short for its family', v2(0x21, 0x21, V4), error2],
    ['v2 TLV longer than the header', v2(0x21, 0x11, `${V4}\x04\x00\x09x`), error2],
    ['no header', 'GET / HTTP/1.1\r\n', { 'proxy_proto.not_found_disallowed': 1 }],
    ['nearly a header', 'PROXI TCP4', { 'proxy_proto.not_found_disallowed': 1 }],
  ])('refused: %s', (_about, bytes, stats) => {
    for (let split = 0; split <= bytes.length; split++) {
      expect(run(bytes, {}, split)).toMatchObject({ status: S.Close, stats, ...OWN });
    }
  });

  test.each([['PROXY TCP4 1.2.3.4'], ['PRO'], [SIGNATURE.slice(0, 5)], [v2(0x21, 0x11, V4).slice(0, -1)], ['']])(
    'waits after %j',
    (bytes) => {
      expect(run(bytes).status).toBe(S.NeedData);
    },
  );

  test('without header where that is allowed', () => {
    const outcome = run('GET / HTTP/1.1\r\n', { allowWithoutHeader: true });
    expect(outcome).toMatchObject({ status: S.Done, left: 'GET / HTTP/1.1\r\n', stats: { 'proxy_proto.not_found_allowed': 1 } });
  });

  test('a version that is not allowed', () => {
    expect(run('PROXY UNKNOWN\r\n', { disallowV1: true })).toMatchObject({
      status: S.Close,
      stats: { 'proxy_proto.versions.v1.disallowed': 1 },
    });
    expect(run(v2(0x20, 0, ''), { disallowV2: true })).toMatchObject({
      status: S.Close,
      stats: { 'proxy_proto.versions.v2.disallowed': 1 },
    });
    expect(run(v2(0x20, 0, ''), { disallowV1: true }).status).toBe(S.Done);
  });

  test('TLVs become dynamic metadata by the rules', () => {
    const rules = [
      { type: 0xea, namespace: 'ns', key: 'vpc', base64: false },
      { type: 4, namespace: 'other', key: 'noop', base64: false },
      { type: 9, namespace: 'ns', key: 'absent', base64: false },
    ];
    const outcome = run(v2(0x21, 0x11, `${V4}\x04\x00\x01x\xea\x00\x03a\xffb`), { rules });
    expect(outcome.metadata).toEqual({ ns: { vpc: 'a!b' }, other: { noop: 'x' } });
  });

  test('stat_prefix', () => {
    expect(run('PROXY UNKNOWN\r\n', { statPrefix: 'edge' }).stats).toEqual({ 'proxy_proto.edge.versions.v1.found': 1 });
  });
});
