/** One row for each line of the table of local replies: what the client is told, under which flag and details. */
import { describe, expect, test } from 'vitest';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { type RigOptions, RouterRig, retryPolicy } from '../../../support/router-rig.ts';

/** What the fake route adds to every response, local replies included. */
const ROUTE = { 'x-from-route': 'yes' };
const CONNECT_ERROR = 'upstream connect error or disconnect/reset before headers. ';

describe('answers without an upstream', () => {
  test.each<[string, RigOptions, { status: number; body: string; flags: string; details: string; headers?: object }]>([
    ['no route', { noRoute: true }, { status: 404, body: '', flags: 'NR', details: 'route_not_found', headers: {} }],
    ['unknown cluster', { unknownCluster: true }, { status: 503, body: '', flags: 'NC', details: 'cluster_not_found' }],
    [
      'unknown cluster, with its own status',
      { unknownCluster: true, action: { clusterNotFoundStatus: 404 } },
      { status: 404, body: '', flags: 'NC', details: 'cluster_not_found' },
    ],
    ['no host picked', { noHosts: true }, { status: 503, body: 'no healthy upstream', flags: 'UH', details: 'no_healthy_upstream' }],
    [
      'circuit breaker',
      { pool: { reason: ResetReason.Overflow, noHost: true } },
      {
        status: 503,
        body: CONNECT_ERROR + 'reset reason: overflow',
        flags: 'UO',
        details: 'upstream_reset_before_response_started{overflow}',
        headers: { ...ROUTE, 'x-envoy-overloaded': 'true' },
      },
    ],
    [
      'connection refused',
      { pool: { reason: ResetReason.RemoteConnectionFailure, transport: 'delayed connect error: Connection refused' } },
      {
        status: 503,
        body: CONNECT_ERROR + 'reset reason: remote connection failure',
        flags: 'UF',
        details: 'upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
      },
    ],
    [
      'connection timeout',
      { pool: { reason: ResetReason.ConnectionTimeout } },
      {
        status: 503,
        body: CONNECT_ERROR + 'reset reason: connection timeout',
        flags: 'UF',
        details: 'upstream_reset_before_response_started{connection_timeout}',
      },
    ],
    [
      'maintenance mode',
      { runtime: { 'upstream.maintenance_mode.a': '100' } },
      {
        status: 503,
        body: 'maintenance mode',
        flags: 'UO',
        details: 'maintenance_mode',
        headers: { ...ROUTE, 'x-envoy-overloaded': 'true' },
      },
    ],
    [
      'all dropped for overload',
      { dropOverload: 1 },
      {
        status: 503,
        body: 'unconditional drop overload',
        flags: 'UDO',
        details: 'unconditional_drop_overload',
        headers: { ...ROUTE, 'x-envoy-unconditional-drop-overload': 'true' },
      },
    ],
    [
      'nearly all dropped for overload',
      { dropOverload: 0.999_999 },
      {
        status: 503,
        body: 'drop overload',
        flags: 'DO',
        details: 'drop_overload',
        headers: { ...ROUTE, 'x-envoy-drop-overload': 'true' },
      },
    ],
    [
      'dropped for overload, envoy headers suppressed',
      { dropOverload: 1, settings: { suppressEnvoyHeaders: true } },
      { status: 503, body: 'unconditional drop overload', flags: 'UDO', details: 'unconditional_drop_overload' },
    ],
    [
      'envoy headers suppressed',
      { runtime: { 'upstream.maintenance_mode.a': '100' }, settings: { suppressEnvoyHeaders: true } },
      { status: 503, body: 'maintenance mode', flags: 'UO', details: 'maintenance_mode', headers: ROUTE },
    ],
  ])('%s', (_name, options, expected) => {
    expect(new RouterRig(options).send().answer).toEqual({ headers: ROUTE, ...expected });
  });
});

test.each<[string, RigOptions]>([
  ['none is to be dropped', { dropOverload: 0 }],
  ['the runtime allows none', { dropOverload: 1, runtime: { 'load_balancing_policy.drop_overload_limit': '0' } }],
])('%s: the request goes on', (_name, options) => {
  const rig = new RouterRig(options).send();
  rig.attempt(1).respond(200);
  expect(rig.answer.status).toBe(200);
});

describe('answers for an attempt that failed', () => {
  test.each<[number, number, string, string]>([
    [ResetReason.ConnectionTermination, 503, 'connection termination', 'UC'],
    [ResetReason.RemoteReset, 503, 'remote reset', 'UR'],
    [ResetReason.RemoteRefusedStreamReset, 503, 'remote refused stream reset', 'UR'],
    [ResetReason.LocalReset, 503, 'local reset', 'LR'],
    [ResetReason.ProtocolError, 502, 'protocol error', 'UPE'],
    [ResetReason.LocalConnectionFailure, 503, 'local connection failure', 'UF'],
    [ResetReason.ConnectError, 503, 'remote error with CONNECT request', 'UR'],
    [ResetReason.OverloadManager, 503, 'overload manager reset', 'OM'],
    [ResetReason.Http1PrematureUpstreamHalfClose, 503, 'HTTP/1 premature upstream half close', 'UC'],
  ])('reset reason %d: %d %s, %s', (reason, status, words, flags) => {
    const rig = new RouterRig().send();
    rig.attempt(1).drop(reason as ResetReason);
    expect(rig.answer).toEqual({
      status,
      headers: ROUTE,
      body: CONNECT_ERROR + 'reset reason: ' + words,
      flags,
      details: 'upstream_reset_before_response_started{' + words.replaceAll(' ', '_') + '}',
    });
    expect(rig.count('upstream_rq_' + status)).toBe(1);
    expect(rig.hostCounts()).toEqual({ rqError: 1, rqSuccess: 0, rqTimeout: 0 });
  });

  test('after a retry the body says so', () => {
    const rig = new RouterRig({ action: { retryPolicy: retryPolicy('reset') } }).send();
    rig.attempt(1).drop(ResetReason.ConnectionTermination);
    rig.backOff().attempt(2).drop(ResetReason.ConnectionTermination);
    expect(rig.answer.body).toBe(CONNECT_ERROR + 'retried and the latest reset reason: connection termination');
    expect(rig.answer.flags).toBe('URX,UC');
  });

  test('once the response has started it is cut off', () => {
    const rig = new RouterRig().send();
    rig.attempt(1).respond(200, {}, false);
    rig.attempt(1).respondData('half', false);
    rig.attempt(1).drop(ResetReason.ConnectionTermination);
    expect(rig.stream.wasReset).toBe(true);
    expect(rig.answer).toMatchObject({
      status: 200,
      body: 'half',
      flags: 'UC',
      details: 'upstream_reset_after_response_started{connection_termination}',
    });
  });
});

describe('direct answers', () => {
  const direct = (status: number, location: string | null) =>
    new RouterRig({
      route: {
        direct: { kind: 'direct_response', status, body: 'hi', location: () => location, rewritePath: () => undefined },
        action: null,
      },
    }).send();

  test("carry the route's headers", () => {
    expect(direct(200, null).answer).toEqual({
      status: 200,
      headers: { 'x-from-route': 'yes' },
      body: 'hi',
      flags: '',
      details: 'direct_response',
    });
  });

  test('name where to go', () => {
    const rig = direct(301, 'http://a/b');
    expect(rig.answer.headers).toEqual({ location: 'http://a/b', 'x-from-route': 'yes' });
    expect(rig.stats.nonZero()).toEqual({ 'http.test.rq_total': 1, 'http.test.rq_direct_response': 1 });
  });
});

describe('strict_check_headers', () => {
  const settings = {
    strictCheckHeaders: ['x-envoy-upstream-rq-timeout-ms', 'x-envoy-max-retries', 'x-envoy-retry-on', 'x-envoy-retry-grpc-on'],
  };
  test.each([
    ['x-envoy-upstream-rq-timeout-ms', '10s'],
    ['x-envoy-max-retries', 'one'],
    ['x-envoy-retry-on', '5xx,never'],
    ['x-envoy-retry-grpc-on', 'sometimes'],
  ])('refuses %s: %s', (name, value) => {
    expect(new RouterRig({ settings }).send({ headers: { [name]: value } }).answer).toEqual({
      status: 400,
      headers: ROUTE,
      body: `invalid header '${name}' with value '${value}'`,
      flags: 'IH',
      details: `request_headers_failed_strict_check{${name}}`,
    });
  });

  test('lets valid ones through', () => {
    const rig = new RouterRig({ settings }).send({ headers: { 'x-envoy-max-retries': '3', 'x-envoy-retry-on': '5xx, reset' } });
    expect(rig.attempts).toHaveLength(1);
  });
});
