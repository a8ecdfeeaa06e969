import { describe, expect, test } from 'vitest';
import { HcmRig, type HcmRigOptions, type HeaderLines, requestHeaders } from '../../../support/hcm-rig.ts';

interface Case {
  readonly settings?: HcmRigOptions['settings'];
  readonly headers?: HeaderLines;
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  /** 0 = admitted. */
  readonly status: number;
  readonly details?: string;
  readonly stat?: string;
  readonly location?: string;
}

const UNESCAPE = { settings: { escapedSlashes: 'UNESCAPE_AND_REDIRECT' as const } };
const REJECT = { settings: { escapedSlashes: 'REJECT_REQUEST' as const } };

const cases: Record<string, Case> = {
  'an ordinary request': { status: 0 },
  'no host': { authority: '', status: 400, details: 'missing_host_header' },
  'QUERY without a content-type': { method: 'QUERY', status: 400, details: 'query_missing_content_type' },
  'QUERY with one': { method: 'QUERY', headers: { 'content-type': 'a/b' }, status: 0 },
  'no path': { path: '', status: 404, details: 'missing_path_rejected' },
  'a path without slash': { path: 'a', status: 404, details: 'absolute_path_rejected', stat: 'rq_non_relative_path' },
  'OPTIONS *': { method: 'OPTIONS', path: '*', status: 404, details: 'absolute_path_rejected', stat: 'rq_non_relative_path' },
  'a fragment': { path: '/a#b', status: 400, details: 'path_normalization_failed', stat: 'rq_failed_path_normalization' },
  'a path that cannot be normalised': {
    settings: { normalizePath: true },
    path: '/a%00b',
    status: 400,
    details: 'path_normalization_failed',
    stat: 'rq_failed_path_normalization',
  },
  'an escaped slash, kept': { path: '/a%2Fb', status: 0 },
  'an escaped slash, refused': {
    ...REJECT,
    path: '/a%2Fb',
    status: 400,
    details: 'path_normalization_failed',
    stat: 'rq_failed_path_normalization',
  },
  'an escaped slash in the query': { ...REJECT, path: '/a?b=%2F', status: 0 },
  'an escaped slash, redirected': {
    ...UNESCAPE,
    path: '/a%5Cb?c',
    status: 307,
    location: '/a\\b?c',
    stat: 'rq_redirected_with_normalized_path',
  },
  'an upgrade without permission': {
    headers: { connection: 'upgrade', upgrade: 'x' },
    status: 403,
    details: 'upgrade_failed',
    stat: 'rq_ws_on_non_ws_route',
  },
  'an address that the extension refuses': {
    settings: {
      originalIpDetection: { kind: 'custom_header', headerName: 'x-real', allowUntrusted: false, rejectStatus: 418, rejects: true },
    },
    status: 418,
    details: 'rejecting_because_detection_failed',
    stat: 'rq_rejected_via_ip_detection',
  },
};

for (const [name, given] of Object.entries(cases)) {
  test(`${name}: ${given.status === 0 ? 'admitted' : given.status}`, () => {
    const rig = new HcmRig({ settings: given.settings ?? {} });
    const stream = rig.request(given.headers, {
      method: given.method ?? 'GET',
      path: given.path ?? '/',
      authority: given.authority ?? 'shop.test',
    });
    expect(stream.status).toBe(given.status);
    if (given.status === 0) {
      expect(rig.backends.length).toBe(1);
      return;
    }
    expect(rig.backends).toEqual([]);
    expect(stream.encoder.body).toBe('');
    expect(stream.encoder.close).toBe(given.status === 400 || given.status === 403);
    expect(stream.answer['location']).toBe(given.location);
    expect(rig.log.length).toBe(1);
    if (given.details !== undefined) expect(rig.log[0]!.details).toBe(given.details);
    if (given.stat !== undefined) expect(rig.count(given.stat)).toBe(1);
    expect(rig.count(given.status >= 400 ? 'rq_4xx' : 'rq_3xx')).toBe(1);
    expect(rig.count('rq_active')).toBe(0);
  });
}

test('a gRPC request is not redirected but refused', () => {
  const stream = new HcmRig(UNESCAPE).request({ 'content-type': 'application/grpc' }, { path: '/a%2Fb', method: 'POST' });
  expect(stream.status).toBe(200);
  expect(stream.answer['grpc-status']).toBe('13');
});

describe('what routes and upstreams see', () => {
  test('the normalised path', () => {
    const rig = new HcmRig({ settings: { normalizePath: true, mergeSlashes: true, escapedSlashes: 'UNESCAPE_AND_FORWARD' } });
    rig.request({}, { path: '/a/./b//c/..%2Fd?x=%2F//' });
    expect(rig.backend.headers!.path).toBe('/a/b/d?x=%2F//');
  });

  const hosts: [HcmRigOptions['settings'], string, string, string][] = [
    [{ stripMatchingHostPort: true }, 'GET', 'a.test:8080', 'a.test'],
    [{ stripMatchingHostPort: true }, 'GET', 'a.test:81', 'a.test:81'],
    [{ stripAnyHostPort: true }, 'GET', '[::1]:81', '[::1]'],
    [{ stripAnyHostPort: true }, 'GET', '[::1]', '[::1]'],
    [{ stripTrailingHostDot: true }, 'GET', 'a.test.:81', 'a.test:81'],
    [{ stripTrailingHostDot: true, stripAnyHostPort: true }, 'GET', 'a.test.:81', 'a.test'],
    [{ stripAnyHostPort: true }, 'CONNECT', 'a.test:443', 'a.test:443'],
    [{}, 'GET', 'a.test.:81', 'a.test.:81'],
  ];
  for (const [settings, method, authority, seen] of hosts) {
    test(`${method} ${authority} with ${JSON.stringify(settings)}: ${seen}`, () => {
      const rig = new HcmRig({ settings: { upgrades: { connect: true }, ...settings } });
      rig.request({}, { method, authority, path: method === 'CONNECT' ? '' : '/', end: false });
      expect(rig.backend.headers!.authority).toBe(seen);
    });
  }
});

describe('the client wants the connection closed', () => {
  const wishes: [string, HeaderLines, 'HTTP/1.0' | 'HTTP/1.1', boolean][] = [
    ['nothing said', {}, 'HTTP/1.1', false],
    ['close', { connection: 'close' }, 'HTTP/1.1', true],
    ['close among others', { connection: 'x-a, Close' }, 'HTTP/1.1', true],
    ['keep-alive', { connection: 'keep-alive' }, 'HTTP/1.1', false],
    ['nothing said by an old one', {}, 'HTTP/1.0', true],
    ['keep-alive from an old one', { connection: 'Keep-Alive' }, 'HTTP/1.0', false],
  ];
  for (const [name, headers, protocol, close] of wishes) {
    test(`${name}, ${protocol}: ${close ? 'closed' : 'kept'}`, () => {
      const rig = new HcmRig();
      const stream = rig.connect().newStream();
      stream.encoder.protocol = protocol;
      stream.decoder.onRequestHeaders(requestHeaders(headers), true);
      rig.backend.respond();
      expect(stream.encoder.close).toBe(close);
      expect(stream.answer['connection']).toBe(close ? 'close' : undefined);
    });
  }
});

test('expect: 100-continue is answered here, in any case of letters, other expectations are not', () => {
  const rig = new HcmRig();
  expect(rig.request({ expect: '100-Continue' }, { end: false }).encoder.interim).toEqual([100]);
  expect(rig.backend.headers!.has('expect')).toBe(false);
  expect(rig.request({ expect: 'else' }, { end: false }).encoder.interim).toEqual([]);
  expect(rig.backend.headers!.get('expect')).toBe('else');
});
