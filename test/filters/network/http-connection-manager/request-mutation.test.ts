import { describe, expect, test } from 'vitest';
import { RequestMutation } from '../../../../src/filters/network/http-connection-manager/request-mutation.ts';
import type { HcmSettings } from '../../../../src/filters/network/http-connection-manager/settings.ts';
import { NO_ENVIRONMENT } from '../../../../src/http/format/operator.ts';
import { type Address, ipAddress, pipeAddress } from '../../../../src/net/address.ts';
import { seededRandom } from '../../../../src/runtime/random.ts';
import {
  connectionInfo,
  HCM_SETTINGS,
  type HeaderLines,
  LOCAL_INFO,
  lines,
  newStreamInfo,
  requestHeaders,
} from '../../../support/hcm-rig.ts';

const PEER = ipAddress('203.0.113.7', 4444);
const INTERNAL_PEER = ipAddress('10.0.0.5', 4444);
const LOOPBACK = ipAddress('127.0.0.1', 4444);
const INTERNAL = { internalCidrs: ['10.0.0.0/8'] };

interface Given {
  readonly settings?: Partial<HcmSettings>;
  readonly headers?: HeaderLines;
  readonly peer?: Address;
  readonly upgrade?: boolean;
  readonly secure?: boolean;
  readonly internalOnly?: readonly string[];
  readonly scheme?: string;
}

function mutate(given: Given) {
  const headers = requestHeaders(given.headers);
  headers.scheme = given.scheme ?? '';
  const info = newStreamInfo(connectionInfo({}, given.peer ?? PEER));
  const mutation = new RequestMutation({ ...HCM_SETTINGS, ...given.settings }, LOCAL_INFO, seededRandom(5), NO_ENVIRONMENT);
  const { rejectStatus } = mutation.mutate(headers, info, given.upgrade ?? false, given.secure ?? false, given.internalOnly ?? []);
  const all = lines(headers);
  return { headers: all, scheme: headers.scheme, rejectStatus, remote: info.remoteAddress.text, xff: all['x-forwarded-for'] };
}

describe('hop-by-hop headers', () => {
  test('leave with the hop', () => {
    const { headers } = mutate({
      headers: {
        connection: 'keep-alive',
        upgrade: 'h2c',
        'keep-alive': 'timeout=5',
        'proxy-connection': 'x',
        'transfer-encoding': 'chunked',
        'x-envoy-internal': 'true',
        'x-kept': '1',
      },
    });
    expect(Object.keys(headers).sort()).toEqual(['x-forwarded-proto', 'x-kept', 'x-request-id']);
  });

  test('an upgrade keeps connection and upgrade', () => {
    const { headers } = mutate({ headers: { connection: 'Upgrade', upgrade: 'websocket', 'keep-alive': 'x' }, upgrade: true });
    expect(headers).toMatchObject({ connection: 'Upgrade', upgrade: 'websocket' });
    expect(headers['keep-alive']).toBe(undefined);
  });

  for (const [te, kept] of [
    ['trailers', 'trailers'],
    ['gzip, Trailers;q=0.5', 'trailers'],
    ['gzip', undefined],
    ['', undefined],
  ] as const) {
    test(`te "${te}" becomes ${kept}`, () => expect(mutate({ headers: { te } }).headers['te']).toBe(kept));
  }

  for (const [referer, kept] of [
    ['http://a.test/x?y', true],
    ['/relative', true],
    ['http://user@a.test/', false],
    ['http://a.test/#f', false],
    ['http://a.test/path@here', true],
  ] as const) {
    test(`referer ${referer} is ${kept ? 'kept' : 'dropped'}`, () => {
      expect(mutate({ headers: { referer } }).headers['referer']).toBe(kept ? referer : undefined);
    });
  }
});

describe('trusted address and x-forwarded-for', () => {
  test('without use_remote_address: the last entry is the client, nothing is appended', () => {
    expect(mutate({ headers: { 'x-forwarded-for': '1.1.1.1, 2.2.2.2' } })).toMatchObject({ xff: '1.1.1.1, 2.2.2.2', remote: '2.2.2.2:0' });
    expect(mutate({ headers: { 'x-forwarded-for': '1.1.1.1, 2.2.2.2' }, settings: { xffNumTrustedHops: 1 } }).remote).toBe('1.1.1.1:0');
    expect(mutate({ headers: { 'x-forwarded-for': '1.1.1.1' }, settings: { xffNumTrustedHops: 1 } }).remote).toBe(PEER.text);
    expect(mutate({ headers: { 'x-forwarded-for': 'nonsense' } }).remote).toBe(PEER.text);
    expect(mutate({})).toMatchObject({ xff: undefined, remote: PEER.text });
  });

  test('with use_remote_address: the peer is the client, and is appended', () => {
    const settings = { useRemoteAddress: true };
    expect(mutate({ settings })).toMatchObject({ xff: '203.0.113.7', remote: PEER.text });
    expect(mutate({ settings, headers: { 'x-forwarded-for': '1.1.1.1' } })).toMatchObject({
      xff: '1.1.1.1,203.0.113.7',
      remote: PEER.text,
    });
  });

  test('with trusted hops before this proxy', () => {
    const settings = { useRemoteAddress: true, xffNumTrustedHops: 1 };
    expect(mutate({ settings, headers: { 'x-forwarded-for': '1.1.1.1, 2.2.2.2' } })).toMatchObject({
      xff: '1.1.1.1, 2.2.2.2,203.0.113.7',
      remote: '2.2.2.2:0',
    });
    expect(mutate({ settings: { ...settings, xffNumTrustedHops: 3 }, headers: { 'x-forwarded-for': '1.1.1.1, 2.2.2.2' } }).remote).toBe(
      PEER.text,
    );
  });

  test('skip_xff_append, a loopback peer, IPv4 written as IPv6, a unix socket', () => {
    const settings = { useRemoteAddress: true };
    expect(mutate({ settings: { ...settings, skipXffAppend: true } }).xff).toBe(undefined);
    expect(mutate({ settings, peer: LOOPBACK })).toMatchObject({ xff: '192.0.2.2', remote: LOOPBACK.text });
    expect(mutate({ settings: { ...settings, representIpv4AsMapped: true } }).xff).toBe('::ffff:203.0.113.7');
    expect(mutate({ settings, peer: pipeAddress('/s') })).toMatchObject({ xff: undefined, remote: '/s' });
  });
});

describe('original_ip_detection_extensions', () => {
  const byRange = (skipXffAppend: boolean): Partial<HcmSettings> => ({
    ...INTERNAL,
    originalIpDetection: { kind: 'xff', xffNumTrustedHops: 0, trustedCidrs: ['10.0.0.0/8'], skipXffAppend },
  });
  const xff = (value: string) => ({ 'x-forwarded-for': value });

  test('xff counts hops', () => {
    const settings: Partial<HcmSettings> = {
      originalIpDetection: { kind: 'xff', xffNumTrustedHops: 1, trustedCidrs: [], skipXffAppend: true },
    };
    expect(mutate({ settings, headers: xff('1.1.1.1, 2.2.2.2') })).toMatchObject({ remote: '1.1.1.1:0', xff: '1.1.1.1, 2.2.2.2' });
    expect(mutate({ settings, headers: xff('1.1.1.1') }).remote).toBe(PEER.text);
  });

  test('xff_trusted_cidrs: what a trusted sender says', () => {
    const given = { settings: byRange(true), peer: INTERNAL_PEER };
    expect(mutate({ ...given, headers: xff('6.6.6.6, 1.1.1.1, 10.1.1.1') })).toMatchObject({
      remote: '1.1.1.1:0',
      xff: '6.6.6.6, 1.1.1.1, 10.1.1.1',
    });
    expect(mutate({ ...given, headers: xff('10.9.9.9,10.1.1.1') })).toMatchObject({ remote: '10.9.9.9:0' });
    expect(mutate({ ...given, headers: xff('10.1.1.1') }).headers['x-envoy-internal']).toBe('true');
    expect(mutate({ ...given, headers: xff('bad, 10.1.1.1') }).remote).toBe(INTERNAL_PEER.text);
    expect(mutate({ settings: byRange(false), peer: INTERNAL_PEER, headers: xff('1.1.1.1') }).xff).toBe('1.1.1.1,10.0.0.5');
  });

  test('xff_trusted_cidrs: anyone else is who he is, and is appended', () => {
    for (const skip of [true, false]) {
      expect(mutate({ settings: byRange(skip), headers: xff('10.1.1.1') })).toMatchObject({
        remote: PEER.text,
        xff: '10.1.1.1,203.0.113.7',
      });
      expect(mutate({ settings: byRange(skip), headers: xff('10.1.1.1') }).headers['x-envoy-internal']).toBe(undefined);
      expect(mutate({ settings: byRange(skip), peer: pipeAddress('/s'), headers: xff('1.1.1.1') }).remote).toBe('/s');
    }
  });

  test('custom_header', () => {
    const custom = (more: object): Partial<HcmSettings> => ({
      ...INTERNAL,
      originalIpDetection: {
        kind: 'custom_header',
        headerName: 'x-real',
        allowUntrusted: false,
        rejectStatus: 401,
        rejects: false,
        ...more,
      },
    });
    expect(mutate({ settings: custom({}), headers: { 'x-real': '10.2.2.2' } })).toMatchObject({ remote: '10.2.2.2:0', rejectStatus: 0 });
    expect(mutate({ settings: custom({}), headers: { 'x-real': '10.2.2.2' } }).headers['x-envoy-internal']).toBe(undefined);
    expect(mutate({ settings: custom({ allowUntrusted: true }), headers: { 'x-real': '10.2.2.2' } }).headers['x-envoy-internal']).toBe(
      'true',
    );
    expect(mutate({ settings: custom({}), headers: { 'x-real': 'bad' } })).toMatchObject({ remote: PEER.text, rejectStatus: 0 });
    expect(mutate({ settings: custom({ rejects: true }) }).rejectStatus).toBe(401);
  });
});

describe('x-forwarded-proto, x-forwarded-port and scheme', () => {
  test('an edge overwrites what came, others only add what is missing', () => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-port': '1' };
    const edge = { useRemoteAddress: true, appendXForwardedPort: true };
    expect(mutate({ settings: edge, headers }).headers).toMatchObject({ 'x-forwarded-proto': 'http', 'x-forwarded-port': '8080' });
    expect(mutate({ settings: { ...edge, xffNumTrustedHops: 1 }, headers }).headers).toMatchObject(headers);
    expect(mutate({ settings: { appendXForwardedPort: true }, headers }).headers).toMatchObject(headers);
    expect(mutate({ settings: { appendXForwardedPort: true }, secure: true }).headers).toMatchObject({
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '8080',
    });
  });

  test('the scheme comes from the request, a valid x-forwarded-proto, or TLS', () => {
    expect(mutate({ scheme: 'HTTPS' }).scheme).toBe('https');
    expect(mutate({ headers: { 'x-forwarded-proto': 'https' } }).scheme).toBe('https');
    expect(mutate({ headers: { 'x-forwarded-proto': 'ftp' } }).scheme).toBe('http');
    expect(mutate({ secure: true }).scheme).toBe('https');
  });

  test('scheme_to_overwrite', () => {
    const result = mutate({ settings: { schemeToOverwrite: 'https' }, scheme: 'http', headers: { 'x-forwarded-proto': 'http' } });
    expect([result.scheme, result.headers['x-forwarded-proto']]).toEqual(['https', 'https']);
  });
});

describe('internal and external requests', () => {
  const OVERRIDES = [
    'x-envoy-retriable-status-codes',
    'x-envoy-retriable-header-names',
    'x-envoy-retry-on',
    'x-envoy-retry-grpc-on',
    'x-envoy-max-retries',
    'x-envoy-upstream-alt-stat-name',
    'x-envoy-upstream-rq-timeout-ms',
    'x-envoy-upstream-rq-per-try-timeout-ms',
    'x-envoy-upstream-rq-timeout-alt-response',
    'x-envoy-expected-rq-timeout-ms',
    'x-envoy-force-trace',
    'x-envoy-ip-tags',
    'x-envoy-original-url',
    'x-envoy-hedge-on-per-try-timeout',
  ];
  const AT_THE_EDGE = [
    'x-envoy-decorator-operation',
    'x-envoy-downstream-service-cluster',
    'x-envoy-downstream-service-node',
    'x-envoy-original-path',
    'x-envoy-original-host',
  ];
  const all = Object.fromEntries([...OVERRIDES, ...AT_THE_EDGE, 'x-envoy-peer-metadata', 'x-mine'].map((name) => [name, '1']));

  test('an external one loses the overrides', () => {
    const { headers } = mutate({ headers: all });
    for (const name of OVERRIDES) expect(headers, name).not.toHaveProperty(name);
    for (const name of [...AT_THE_EDGE, 'x-envoy-peer-metadata', 'x-mine']) expect(headers, name).toHaveProperty(name);
  });

  test('an external one at the edge loses more, and is told where it came from', () => {
    const { headers } = mutate({ settings: { useRemoteAddress: true }, headers: all });
    for (const name of [...OVERRIDES, ...AT_THE_EDGE]) expect(headers, name).not.toHaveProperty(name);
    expect(headers).toMatchObject({ 'x-envoy-external-address': '203.0.113.7', 'x-mine': '1' });
  });

  test('internal_only_headers of the route table go from external ones only', () => {
    const internalOnly = ['x-mine'];
    expect(mutate({ headers: all, internalOnly }).headers).not.toHaveProperty('x-mine');
    const given = { settings: { ...INTERNAL, useRemoteAddress: true }, peer: INTERNAL_PEER, headers: all, internalOnly };
    expect(mutate(given).headers).toMatchObject({ ...all, 'x-envoy-internal': 'true' });
  });

  const verdicts: [string, Given, boolean][] = [
    ['remote: an internal peer without XFF', { settings: { ...INTERNAL, useRemoteAddress: true }, peer: INTERNAL_PEER }, true],
    [
      'remote: an internal peer with XFF',
      { settings: { ...INTERNAL, useRemoteAddress: true }, peer: INTERNAL_PEER, headers: { 'x-forwarded-for': '10.1.1.1' } },
      false,
    ],
    ['remote: another peer', { settings: { ...INTERNAL, useRemoteAddress: true } }, false],
    ['xff: exactly one internal address', { settings: INTERNAL, headers: { 'x-forwarded-for': '10.1.1.1' } }, true],
    ['xff: two internal addresses', { settings: INTERNAL, headers: { 'x-forwarded-for': '10.1.1.1,10.1.1.2' } }, false],
    ['xff: one other address', { settings: INTERNAL, headers: { 'x-forwarded-for': '1.1.1.1' } }, false],
    ['xff: none, though the peer is internal', { settings: INTERNAL, peer: INTERNAL_PEER }, false],
    ['nothing is internal by default', { settings: { useRemoteAddress: true }, peer: INTERNAL_PEER }, false],
    ['a unix socket', { settings: { internalUnixSockets: true, useRemoteAddress: true }, peer: pipeAddress('/s') }, true],
  ];
  for (const [name, given, internal] of verdicts) {
    test(`${name}: ${internal ? 'internal' : 'external'}`, () => {
      const { headers } = mutate({ ...given, headers: { 'x-envoy-internal': 'true', 'x-envoy-max-retries': '3', ...given.headers } });
      const [flag, retries] = internal ? ['true', '3'] : [undefined, undefined];
      expect([headers['x-envoy-internal'], headers['x-envoy-max-retries']]).toEqual([flag, retries]);
    });
  }
});

describe('request id', () => {
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const SAMPLED = '11111111-2222-9333-8444-555555555555';
  const edge = { useRemoteAddress: true };
  const id = (given: Given) => mutate(given).headers['x-request-id'];

  test('is made when missing or empty', () => {
    expect(id({})).toMatch(UUID);
    expect(id({ headers: { 'x-request-id': '' } })).toMatch(UUID);
    expect(id({ settings: { generateRequestId: false } })).toBe(undefined);
  });
  test('inside the mesh it is kept, whatever it looks like', () => {
    expect(id({ headers: { 'x-request-id': SAMPLED } })).toBe(SAMPLED);
    expect(id({ headers: { 'x-request-id': 'mine' } })).toBe('mine');
  });
  test('at the edge it is made anew', () => {
    expect(id({ settings: edge, headers: { 'x-request-id': SAMPLED } })).toMatch(UUID);
  });
  test('preserve_external_request_id keeps it, but not what it says about sampling', () => {
    const preserve = { ...edge, preserveExternalRequestId: true };
    expect(id({ settings: preserve, headers: { 'x-request-id': SAMPLED } })).toBe('11111111-2222-4333-8444-555555555555');
    expect(id({ settings: { ...preserve, packTraceReason: false }, headers: { 'x-request-id': SAMPLED } })).toBe(SAMPLED);
    expect(id({ settings: preserve, headers: { 'x-request-id': 'short' } })).toBe('short');
  });
});

test('early mutations come before all that looks at the headers', () => {
  const earlyHeaderMutations = [
    { remove: ['x-forwarded-for'], add: [] },
    {
      remove: [],
      add: [{ name: 'x-envoy-retry-on', value: '%REQ(:path)%', action: 'APPEND_IF_EXISTS_OR_ADD' as const, keepEmpty: false }],
    },
  ];
  const headers = { 'x-forwarded-for': '8.8.8.8' };
  const settings = { earlyHeaderMutations, useRemoteAddress: true };
  expect(mutate({ settings: { ...settings, internalCidrs: ['203.0.113.0/24'] }, headers }).headers).toMatchObject({
    'x-envoy-internal': 'true',
  });
  expect(mutate({ settings, headers }).headers['x-envoy-retry-on']).toBe(undefined);
});

describe('others', () => {
  test('add_user_agent names this proxy', () => {
    const settings = { addUserAgent: true };
    const added = { 'x-envoy-downstream-service-cluster': 'sidecar', 'x-envoy-downstream-service-node': 'node-1' };
    expect(mutate({ settings }).headers).toMatchObject({ ...added, 'user-agent': 'sidecar' });
    expect(mutate({ settings, headers: { 'user-agent': '' } }).headers['user-agent']).toBe('sidecar');
    expect(mutate({ settings, headers: { 'user-agent': 'curl' } }).headers).toMatchObject({ ...added, 'user-agent': 'curl' });
  });
  test('via is appended', () => {
    expect(mutate({ settings: { via: 'here' } }).headers['via']).toBe('here');
    expect(mutate({ settings: { via: 'here' }, headers: { via: '1.1 there' } }).headers['via']).toBe('1.1 there, here');
  });
  test('x-forwarded-client-cert of a connection without TLS goes, except with ALWAYS_FORWARD_ONLY', () => {
    for (const mode of ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'] as const) {
      const { headers } = mutate({ settings: { forwardClientCert: mode }, headers: { 'x-forwarded-client-cert': 'By=a' } });
      expect(headers['x-forwarded-client-cert'], mode).toBe(mode === 'ALWAYS_FORWARD_ONLY' ? 'By=a' : undefined);
    }
  });
});
