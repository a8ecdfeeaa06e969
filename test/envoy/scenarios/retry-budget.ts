import type { Area } from '../harness/scenario.ts';
import { reply } from '../harness/scenario.ts';

const failures = Array.from({ length: 16 }, () => reply({ status: '503 Service Unavailable' }));
const send = Array.from({ length: 8 }, (_, n) => `GET /${n}`);

/** Retry budgets that go by the requests of an interval. */
export const retryBudget: Area = {
  name: 'retry-budget',
  configurations: [0, 1].map((min) => ({
    name: `${min} at least`,
    cluster: {
      a: `circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 20}, min_retry_concurrency: ${min}, budget_interval: 600s}}]}`,
    },
    virtualHosts: `- name: all
  domains: ["*"]
  include_attempt_count_in_response: true
  routes:
  - {match: {prefix: /}, route: {cluster: a, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}`,
    cases: [
      { name: 'one after the other', send, upstream: { a: failures } },
      { name: 'and again', send, upstream: { a: failures } },
    ],
  })),
};
