import { expect, test } from 'vitest';
import { lintCluster } from '../../src/cluster/lint.ts';
import { type ClusterSettings, DEFAULT_CLUSTER, DEFAULT_DNS, DEFAULT_ENDPOINT, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import { DEFAULT_THRESHOLDS, type ThresholdSettings } from '../../src/resilience/circuit-breaker.ts';

const withBreakers = (thresholds: Partial<ThresholdSettings>): ClusterSettings => ({
  ...DEFAULT_CLUSTER,
  breakers: [{ ...DEFAULT_THRESHOLDS, ...thresholds }, DEFAULT_THRESHOLDS],
});
const withNames = (names: number, dns: Partial<ClusterSettings['dns']>): ClusterSettings => ({
  ...DEFAULT_CLUSTER,
  type: 'STRICT_DNS',
  dns: { ...DEFAULT_DNS, ...dns },
  localities: [{ ...DEFAULT_LOCALITY, endpoints: Array.from({ length: names }, (_v, i) => ({ ...DEFAULT_ENDPOINT, host: `h${i}` })) }],
});

test.each([
  ['defaults', withBreakers({}), true, ''],
  ['no pending requests', withBreakers({ maxPendingRequests: 0 }), true, 'max_pending_requests: 0 refuses every request'],
  ['no pending requests over HTTP/2', withBreakers({ maxPendingRequests: 0 }), false, ''],
  [
    'fewer requests than connections',
    withBreakers({ maxRequests: 10 }),
    true,
    'max_requests (10) refuses requests before max_connections (1024)',
  ],
  ['as many connections', withBreakers({ maxRequests: 10, maxConnections: 10 }), true, ''],
  ['many retries', withBreakers({ maxRetries: 100 }), true, 'max_retries: 100 lets retries multiply the load'],
  [
    'many retries within a budget',
    withBreakers({ maxRetries: 100, retryBudget: { budgetPercent: 20, minRetryConcurrency: 3, intervalMs: 0 } }),
    true,
    '',
  ],
  ['many names', withNames(501, {}), true, '501 names make 100 queries a second'],
  ['many names by TTL', withNames(501, { respectTtl: true }), true, ''],
  ['a name', withNames(1, {}), true, ''],
])('%s', (_about, settings, speaksHttp1, message) => {
  const messages = lintCluster(settings, speaksHttp1).map((finding) => finding.message);
  if (message === '') expect(messages).toEqual([]);
  else {
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(message);
  }
});
