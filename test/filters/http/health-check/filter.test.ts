/** The health_check filter: what is a check, who answers it, and for how long. The comparison with Envoy has its bytes (test/envoy/health.test.ts). */
import { describe, expect, test } from 'vitest';
import { type HttpStream, Status } from '../../../../src/filters/api.ts';
import { compileHealthCheckFilter } from '../../../../src/filters/http/health-check/config.ts';
import { createHealthCheckFilter } from '../../../../src/filters/http/health-check/filter.ts';
import type { HealthCheckFilterSettings } from '../../../../src/filters/http/health-check/settings.ts';
import { RequestHeaders, ResponseHeaders } from '../../../../src/http/header-map.ts';
import { Flag } from '../../../../src/http/response-flags.ts';
import { SimulatedClock } from '../../../../src/runtime/simulated-clock.ts';
import { hcmDeps } from '../../../support/hcm-rig.ts';
import { PlainStats } from '../../../support/plain-stats.ts';

const PATH = [
  { name: ':path', value: { kind: 'exact', value: '/hc', ignoreCase: false }, present: true, invert: false, treatMissingAsEmpty: false },
] as const;
const SETTINGS: HealthCheckFilterSettings = { passThrough: true, cacheMs: 0, minHealthy: [], headers: PATH, place: 'here' };

class Rig {
  readonly clock = new SimulatedClock(1_000_000);
  readonly stats = new PlainStats();
  readonly health = { checksFailed: false };
  readonly deps = { ...hcmDeps(this.clock, this.stats), serverHealth: this.health };

  /** Two factories are two workers: they share what all workers share. */
  worker(settings: Partial<HealthCheckFilterSettings> = {}) {
    const factory = createHealthCheckFilter({ ...SETTINGS, ...settings }, this.deps);
    return (path: string, upstreamSays: number, headers: Record<string, string> = {}): string => {
      const filter = factory.newFilter(null as never, '');
      let said = '';
      const info = { isHealthCheck: false };
      const stream = {
        info,
        clusters: this.deps.clusters,
        localReply: (status: number, _body: string, flag: number, details: string, edit: ((h: ResponseHeaders) => void) | null) => {
          const response = new ResponseHeaders(status);
          edit?.(response);
          said = `${status}${flag === Flag.LH ? ' LH' : ''} ${details}${response.has('x-envoy-degraded') ? ' degraded' : ''}`;
          filter.onResponseHeaders(stream, response, true);
        },
      } as unknown as HttpStream;
      if (filter.onRequestHeaders(stream, new RequestHeaders('GET', path, 'h', 'http'), true) === Status.Continue) {
        const response = new ResponseHeaders(upstreamSays);
        for (const [name, value] of Object.entries(headers)) response.add(name, value);
        filter.onResponseHeaders(stream, response, true);
        const words = ['x-envoy-upstream-healthchecked-cluster', 'x-envoy-immediate-health-check-fail'].filter((name) =>
          response.has(name),
        );
        said = ['upstream', upstreamSays, ...words.map((name) => name.replace(/^x-envoy-/, ''))].join(' ');
      }
      filter.onStreamEnd(stream);
      return said + (info.isHealthCheck ? ' (check)' : '');
    };
  }

  count(name: string): number {
    return this.stats.value('http.p.health_check.' + name);
  }
}

test('passing through, until the server is told to fail', () => {
  const rig = new Rig();
  const ask = rig.worker();
  expect(ask('/hc', 204)).toBe('upstream 204 upstream-healthchecked-cluster (check)');
  expect(ask('/other', 200)).toBe('upstream 200');
  rig.health.checksFailed = true;
  expect(ask('/hc', 204)).toBe('503 LH health_check_failed (check)');
  expect(ask('/other', 200)).toBe('upstream 200 immediate-health-check-fail');
  expect([rig.count('request_total'), rig.count('failed'), rig.count('ok')]).toEqual([1, 1, 0]);
  expect(rig.stats.value('http.p.tracing.health_check')).toBe(2);
});

test('one answer serves all workers until its time is over', () => {
  const rig = new Rig();
  const [one, two] = [rig.worker({ cacheMs: 1000 }), rig.worker({ cacheMs: 1000 })];
  expect(one('/other', 500)).toBe('upstream 500');
  expect(one('/hc', 200, { 'x-envoy-degraded': '1' })).toBe('upstream 200 upstream-healthchecked-cluster (check)');
  expect(two('/hc', 500)).toBe('200 health_check_cached degraded (check)');
  rig.clock.advance(990);
  expect(one('/hc', 500)).toBe('200 health_check_cached degraded (check)');
  rig.clock.advance(20);
  expect(two('/hc', 503)).toBe('upstream 503 upstream-healthchecked-cluster (check)');
  expect(one('/hc', 200)).toBe('503 LH health_check_cached (check)');
  const names = ['request_total', 'cached_response', 'degraded', 'ok', 'failed'];
  expect(names.map((name) => rig.count(name))).toEqual([3, 3, 2, 2, 1]);
});

describe('by itself', () => {
  test('with the clusters it is told of', () => {
    const rig = new Rig();
    const sets = (total: number, healthy: number, degraded: number) => [
      { hosts: new Array(total), healthy: new Array(healthy), degraded: new Array(degraded) },
    ];
    const clusters: Record<string, unknown> = { a: { hostSets: sets(4, 1, 1) }, none: { hostSets: sets(0, 0, 0) } };
    Object.assign(rig.deps, { clusters: { get: (name: string) => clusters[name] ?? null } });
    const verdict = (...minHealthy: [string, number][]): string => rig.worker({ passThrough: false, minHealthy })('/hc', 0);
    expect(verdict()).toBe('200 health_check_ok (check)');
    expect(verdict(['a', 50])).toBe('200 health_check_ok_cluster_healthy (check)');
    expect(verdict(['a', 51])).toBe('503 LH health_check_failed_cluster_unhealthy (check)');
    expect(verdict(['a', 50], ['none', 1])).toBe('503 LH health_check_failed_cluster_empty (check)');
    expect(verdict(['none', 0], ['a', 50])).toBe('200 health_check_ok_cluster_healthy (check)');
    expect(verdict(['who', 0])).toBe('503 LH health_check_failed_no_cluster_found (check)');
    expect(['cluster_not_found', 'cluster_empty', 'cluster_unhealthy'].map((name) => rig.count('failed_' + name))).toEqual([1, 1, 1]);
  });
});

test('a cache without pass-through is refused; percentages count whole', () => {
  const errors: string[] = [];
  const at = { field: (name: string) => ({ error: (text: string) => errors.push(`${name}: ${text}`) }), place: 'p' };
  const message = {
    passThroughMode: false,
    cacheTime: { seconds: 1n, nanos: 0 },
    clusterMinHealthyPercentages: { a: { value: 12.9 } },
    headers: [],
  };
  const settings = compileHealthCheckFilter(message as never, at as never);
  expect(errors).toEqual(['cache_time: cache_time_ms must not be set when path_through_mode is disabled']);
  expect(settings.minHealthy).toEqual([['a', 12]]);
});
