/** What the router tells of the hosts it has asked: each try once, in the order in which things happen. */
import { expect, test } from 'vitest';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import type { HostMonitor } from '../../../../src/lb/host-monitor.ts';
import { type RigOptions, RouterRig, retryPolicy } from '../../../support/router-rig.ts';

class Recorder implements HostMonitor {
  readonly errors: HostMonitor['errors'];
  readonly detectsDegraded = true;
  readonly #name: string;
  readonly #said: string[];
  constructor(name: string, said: string[], errors: HostMonitor['errors']) {
    this.#name = name;
    this.#said = said;
    this.errors = errors;
  }
  #say(what: string): void {
    this.#said.push(`${this.#name} ${what}`);
  }
  onStatus(status: number): void {
    this.#say(String(status));
  }
  onConnected(): void {
    this.#say('connected');
  }
  onConnectedFinally(): void {
    this.#say('connected finally');
  }
  onConnectFailed(): void {
    this.#say('failed');
  }
  onTimeout(status: number): void {
    this.#say(`timeout ${status}`);
  }
  onDegraded(): void {
    this.#say('degraded');
  }
}

function watched(options: RigOptions, errors: HostMonitor['errors'] = null): { rig: RouterRig; said: string[] } {
  const rig = new RouterRig(options);
  const said: string[] = [];
  for (const [i, host] of rig.hosts.entries()) host.monitor = new Recorder(`h${i + 1}`, said, errors);
  return { rig, said };
}

const retrying = (more = {}): RigOptions => ({ action: { retryPolicy: retryPolicy('5xx,reset,connect-failure', more) } });

test('a response', () => {
  const { rig, said } = watched({});
  rig.send().attempt(1).respond(404);
  expect(said).toEqual(['h1 connected', 'h1 404']);
});

test('a response that is retried counts for its host', () => {
  const { rig, said } = watched(retrying());
  rig.send().attempt(1).respond(503);
  rig.backOff().attempt(2).respond(200);
  expect(said).toEqual(['h1 connected', 'h1 503', 'h2 connected', 'h2 200']);
});

test('a reset, also in the middle of a response', () => {
  const { rig, said } = watched({});
  rig.send().attempt(1).respond(200, {}, false);
  rig.attempt(1).drop(ResetReason.ConnectionTermination);
  expect(said).toEqual(['h1 connected', 'h1 200', 'h1 failed']);
});

test('a failed connect', () => {
  const { rig, said } = watched({ pool: { reason: ResetReason.RemoteConnectionFailure } });
  rig.send();
  expect(said).toEqual(['h1 failed']);
});

test('a full circuit breaker is nothing of the host', () => {
  const { rig, said } = watched({ pool: { reason: ResetReason.Overflow } });
  rig.send();
  expect(said).toEqual([]);
});

test('a request that takes too long', () => {
  const { rig, said } = watched({});
  rig.send();
  rig.clock.advance(60_000);
  expect([said, rig.answer.status]).toEqual([['h1 connected', 'h1 timeout 504'], 504]);
});

test('… is no failure of the host once its headers have come', () => {
  const { rig, said } = watched({});
  rig.send().attempt(1).respond(200, {}, false);
  rig.clock.advance(60_000);
  expect(said).toEqual(['h1 connected', 'h1 200']);
});

test('… nor before there was a connection', () => {
  const { rig, said } = watched({ pool: 'wait' });
  rig.send();
  rig.clock.advance(60_000);
  expect([said, rig.answer.status]).toEqual([[], 504]);
});

test('tries that take too long count for each host', () => {
  const { rig, said } = watched(retrying({ perTryTimeoutMs: 100 }));
  rig.send();
  rig.clock.advance(60_000);
  expect(said).toEqual(['h1 connected', 'h1 timeout 504', 'h2 connected', 'h2 timeout 504']);
});

test('a client that hangs up says nothing of the host', () => {
  const { rig, said } = watched({});
  rig.send();
  rig.stream.hangUp();
  expect(said).toEqual(['h1 connected']);
});

test('gRPC: the status in the headers, if it is there', () => {
  const { rig, said } = watched({});
  rig.send({ method: 'POST', headers: { 'content-type': 'application/grpc' } });
  rig.attempt(1).respond(200, { 'grpc-status': '14' });
  expect(said).toEqual(['h1 connected', 'h1 503']);
});

test("the cluster's own matcher has the last word on other responses", () => {
  const errors = { matches: (headers: { get(name: string): string | undefined }) => headers.get('x-error') !== undefined };
  for (const [status, headers, expected] of [
    [200, { 'x-error': '1' }, 500],
    [503, {}, 200],
  ] as const) {
    const { rig, said } = watched({}, errors);
    rig.send().attempt(1).respond(status, headers);
    expect(said).toEqual(['h1 connected', `h1 ${expected}`]);
  }
});

test('degradation', () => {
  const { rig, said } = watched({});
  rig.send().attempt(1).respond(200, { 'x-envoy-degraded': '' });
  expect(said).toEqual(['h1 connected', 'h1 200', 'h1 degraded']);
});
