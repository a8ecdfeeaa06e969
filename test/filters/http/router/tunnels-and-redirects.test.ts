import { describe, expect, test } from 'vitest';
import { RequestHeaders } from '../../../../src/http/header-map.ts';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { type RigOptions, RouterRig, retryPolicy } from '../../../support/router-rig.ts';

const WEBSOCKET = { headers: { connection: 'upgrade', upgrade: 'websocket' }, body: ['early'], end: false };
const GENERIC = { headers: { connection: 'upgrade', upgrade: 'foo' }, body: ['early'], end: false };
const CONNECT = { method: 'CONNECT', body: ['early'], end: false };

describe('a tunnel', () => {
  const tunnel = (more: RigOptions = {}) => new RouterRig({ tunnel: true, ...more });

  test.each([
    ['WebSocket', WEBSOCKET, 101],
    ['another upgrade', GENERIC, 101],
    ['CONNECT', CONNECT, 200],
  ])('%s: payload waits until it is accepted, and then no request timeout holds', (_name, request, status) => {
    const rig = tunnel({
      action: { timeoutMs: 500, retryPolicy: retryPolicy('5xx', { perTryTimeoutMs: 100, perTryIdleTimeoutMs: 100 }) },
    }).send(request);
    expect(rig.attempt(1).data).toEqual([]);
    rig.attempt(1).respond(status, {}, false);
    expect(rig.attempt(1).data).toEqual(['early']);
    rig.data('late', false);
    rig.attempt(1).respondData('down', false);
    rig.clock.advance(10_000);
    expect(rig.stream.ended).toBe(false);
    expect(rig.attempt(1).data).toEqual(['early', 'late']);
    expect(rig.answer).toMatchObject({ status, body: 'down' });
    rig.data('', true);
    rig.clock.advance(10_000);
    expect(rig.stream.ended).toBe(false);
  });

  test("a WebSocket handshake is bounded by the route's timeout; other upgrades are not", () => {
    const web = tunnel({ action: { timeoutMs: 500 } }).send(WEBSOCKET);
    web.clock.advance(600);
    expect(web.answer).toMatchObject({ status: 504, flags: 'UT', details: 'response_timeout' });
    for (const request of [GENERIC, CONNECT]) {
      const rig = tunnel({ action: { timeoutMs: 500 } }).send(request);
      rig.clock.advance(600);
      expect(rig.stream.ended).toBe(false);
    }
  });

  test('a WebSocket handshake is retried after its per-try timeout', () => {
    const rig = tunnel({ action: { retryPolicy: retryPolicy('5xx', { perTryTimeoutMs: 100 }) } }).send({ ...WEBSOCKET, body: [] });
    rig.clock.advance(150);
    expect(rig.attempts).toHaveLength(2);
    rig.attempt(2).respond(101, {}, false);
    expect(rig.answer.status).toBe(101);
  });

  test.each([200, 204, 301])('a WebSocket handshake answered %d: its head is passed on, and that is the end', (status) => {
    const rig = tunnel({ action: { retryPolicy: retryPolicy('retriable-status-codes', { retriableStatusCodes: [200] }) } }).send(WEBSOCKET);
    rig.attempt(1).respond(status, { 'content-length': '5', location: '/x' }, false);
    expect(rig.answer).toEqual({ status, headers: { location: '/x' }, body: '', flags: '', details: 'websocket_handshake_unsuccessful' });
    expect(rig.attempt(1).resetBy).toBe(ResetReason.LocalReset);
    expect(rig.count('upstream_rq_completed')).toBe(0);
  });

  test.each([
    ['WebSocket', WEBSOCKET, 403],
    ['another upgrade', GENERIC, 200],
    ['CONNECT', CONNECT, 403],
  ])('%s refused with %d %d: an ordinary response', (_name, request, status) => {
    const rig = tunnel().send(request);
    rig.attempt(1).respond(status, {}, false);
    rig.attempt(1).respondData('nope', true);
    expect(rig.answer).toMatchObject({ status, body: 'nope', details: 'via_upstream' });
    expect(rig.attempt(1).data).toEqual([]);
    expect(rig.attempt(1).resetBy).toBe(ResetReason.LocalReset);
  });

  test('early data of a CONNECT may be refused', () => {
    const rig = tunnel({ settings: { rejectConnectRequestEarlyData: true } }).send(CONNECT);
    expect(rig.answer).toMatchObject({ status: 400, body: '', details: 'early_connect_data' });
    expect(rig.attempt(1).resetBy).toBe(ResetReason.LocalReset);
  });
});

describe('an internal redirect', () => {
  const policy = {
    maxInternalRedirects: 1,
    responseCodes: [302, 303],
    allowCrossSchemeRedirect: false,
    responseHeadersToCopy: ['x-copy'],
    predicates: [],
  };
  const rig = () => new RouterRig({ action: { internalRedirect: policy } });

  test('runs the request again with its body', () => {
    const r = rig().send({ method: 'POST', path: '/a?q', headers: { 'x-copy': 'old' }, body: ['bo', 'dy'] });
    r.attempt(1).respond(302, { location: 'http://other.test:81/b?c#frag', 'x-copy': 'new' });
    const again = r.stream.recreated!;
    expect(again.body).toEqual(['bo', 'dy']);
    const { method, authority, path, scheme } = again.headers;
    expect({ method, authority, path, scheme }).toEqual({ method: 'POST', authority: 'other.test:81', path: '/b?c', scheme: 'http' });
    expect(again.headers.get('x-envoy-original-url')).toBe('http://shop.test/a?q');
    expect(again.headers.get('x-copy')).toBe('new');
    expect(r.stream.info.responseCodeDetails).toBe('internal_redirect');
    expect(r.count('upstream_internal_redirect_succeeded_total')).toBe(1);
    expect(r.count('upstream_rq_302')).toBe(0);
    expect(r.stream.routeCacheCleared).toBe(1);
  });

  test('a 303 is fetched with GET', () => {
    const r = rig().send({ method: 'POST', headers: { 'content-length': '4' }, body: ['body'] });
    r.attempt(1).respond(303, { location: 'http://o/' });
    expect(r.stream.recreated!.body).toBeNull();
    expect(r.stream.recreated!.headers.method).toBe('GET');
    expect(r.stream.recreated!.headers.has('content-length')).toBe(false);
  });

  test.each<[string, number, string | null, string | null]>([
    ['a status that is not listed', 301, 'http://o/', null],
    ['no location', 302, null, null],
    ['a relative location', 302, '/b', 'bad_location'],
    ['another scheme altogether', 302, 'ftp://o/', 'bad_location'],
    ['a change to https', 302, 'https://o/', 'unsafe_scheme'],
  ])('%s is passed on', (_name, status, location, counted) => {
    const r = rig().send();
    r.attempt(1).respond(status, location === null ? {} : { location });
    expect(r.answer.status).toBe(status);
    expect(r.stream.recreated).toBeNull();
    expect(r.stream.requestHeaders).toMatchObject({ path: '/', authority: 'shop.test' });
    expect(r.count('upstream_internal_redirect_failed_total')).toBe(status === 301 ? 0 : 1);
    if (counted !== null) expect(r.stats.value('http.test.passthrough_internal_redirect_' + counted)).toBe(1);
  });

  test('is followed so often and no more', () => {
    const r = rig();
    r.stream.info.filterState = new Map([['num_internal_redirects', 1]]);
    r.send().attempt(1).respond(302, { location: 'http://o/' });
    expect(r.answer.status).toBe(302);
    expect(r.stats.value('http.test.passthrough_internal_redirect_too_many_redirects')).toBe(1);
  });

  test('to nowhere leaves the request as it was', () => {
    const r = rig().send({ headers: { 'x-copy': 'old' } });
    const before = r.stream.requestHeaders.clone();
    Object.defineProperty(r.stream, 'route', { get: () => null });
    r.attempt(1).respond(302, { location: 'http://o/' });
    expect(r.answer.status).toBe(302);
    expect(r.stats.value('http.test.passthrough_internal_redirect_no_route')).toBe(1);
    expect(r.stream.requestHeaders).toEqual(before);
    expect(r.stream.requestHeaders).toBeInstanceOf(RequestHeaders);
  });

  test('is not made while the request is still coming, nor when its body was too large to keep', () => {
    const early = rig().send({ method: 'POST', body: ['a'], end: false });
    early.attempt(1).respond(302, { location: 'http://o/' });
    expect(early.answer.status).toBe(302);
    const large = new RouterRig({ action: { internalRedirect: policy, requestBufferLimit: 2 } }).send({ method: 'POST', body: ['abc'] });
    large.attempt(1).respond(302, { location: 'http://o/' });
    expect(large.answer.status).toBe(302);
    expect(large.count('upstream_internal_redirect_failed_total')).toBe(1);
  });
});
