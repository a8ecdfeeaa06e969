import { type Area, after, get, hangUp, reply, silence } from '../harness/scenario.ts';

const status = (code: string, ...headers: (readonly [string, string])[]) => reply({ status: code, headers });
const late = (ms: number, code: string) => after(ms, status(code));
const HEDGE = 'hedge_policy: {hedge_on_per_try_timeout: true}';
const BACK_OFF = 'retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}';
const route = (retries: string, more = HEDGE) =>
  `- {match: {prefix: /}, route: {cluster: a, timeout: 1s, ${more}${more === '' ? '' : ', '}retry_policy: {${retries}, per_try_timeout: 0.1s, ${BACK_OFF}}}}`;
const TRUSTED = '{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}}';

/** hedge_on_per_try_timeout: a slow try goes on while another one is made beside it. */
export const hedging: Area = {
  name: 'hedging',
  configurations: [
    {
      name: 'one retry',
      routes: route('retry_on: 5xx'),
      cases: [
        { name: 'the second try answers first', send: 'GET /', upstream: { a: [silence, status('201 second')] } },
        { name: 'the first try answers first', send: 'GET /', upstream: { a: [late(160, '202 first'), silence] } },
        {
          name: 'the first fails after the second was started',
          send: 'GET /',
          upstream: { a: [late(150, '500 first'), late(120, '203 second')] },
        },
        {
          name: 'the second fails while the first goes on',
          send: 'GET /',
          upstream: { a: [late(250, '204 first'), status('500 second')] },
        },
        { name: 'both fail, the second last', send: 'GET /', upstream: { a: [late(150, '500 first'), late(120, '503 second')] } },
        { name: 'both fail, the first last', send: 'GET /', upstream: { a: [late(250, '500 first'), status('503 second')] } },
        {
          name: 'the first is closed after the second was started',
          send: 'GET /',
          upstream: { a: [after(150, hangUp), late(120, '203 second')] },
        },
        { name: 'both are closed', send: 'GET /', upstream: { a: [after(150, hangUp), after(120, hangUp)] } },
        { name: 'a body twice', send: { method: 'POST', body: 'some data' }, upstream: { a: [silence, status('201 second')] } },
        { name: 'fast enough', send: 'GET /', upstream: { a: [status('200 OK')] } },
        { name: 'fails at once: an ordinary retry', send: 'GET /', upstream: { a: [status('500 E'), status('201 second')] } },
        {
          name: 'an ordinary retry that is slow uses no third try',
          send: 'GET /',
          upstream: { a: [status('500 E'), late(150, '201 second')] },
        },
      ],
    },
    {
      name: 'two retries',
      routes: route('retry_on: 5xx, num_retries: 2'),
      cases: [
        { name: 'three tries at once, the first answers', send: 'GET /', upstream: { a: [late(260, '202 first'), silence, silence] } },
        { name: 'three tries at once, the last answers', send: 'GET /', upstream: { a: [silence, silence, status('201 third')] } },
        { name: 'the second fails: a third', send: 'GET /', upstream: { a: [silence, status('500 second'), status('201 third')] } },
      ],
    },
    {
      name: 'the overall time-out ends them all',
      routes: `- {match: {prefix: /}, route: {cluster: a, timeout: 0.25s, ${HEDGE}, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s, ${BACK_OFF}}}}`,
      cases: [{ name: 'nobody answers', send: 'GET /', upstream: { a: [silence, silence] } }],
    },
    {
      name: 'any retry condition will do',
      routes: route('retry_on: connect-failure'),
      cases: [{ name: 'the second try answers', send: 'GET /', upstream: { a: [silence, status('500 second')] } }],
    },
    {
      name: 'no retry policy, no hedging',
      routes: `- {match: {prefix: /}, route: {cluster: a, timeout: 0.3s, ${HEDGE}}}`,
      cases: [{ name: 'waits for the timeout', send: 'GET /', upstream: { a: [silence] } }],
    },
    {
      name: 'no retries left',
      routes: route('retry_on: 5xx, num_retries: 0'),
      cases: [{ name: 'the slow answer comes', send: 'GET /', upstream: { a: [late(150, '200 OK')] } }],
    },
    {
      name: 'the retry breaker is full',
      routes: route('retry_on: 5xx'),
      cluster: { a: '{circuit_breakers: {thresholds: [{max_retries: 0}]}}' },
      cases: [{ name: 'the slow answer comes', send: 'GET /', upstream: { a: [late(150, '200 OK')] } }],
    },
    {
      name: 'of the virtual host',
      virtualHosts: `
        - name: v
          domains: ["*"]
          include_request_attempt_count: true
          include_attempt_count_in_response: true
          include_is_timeout_retry_header: true
          hedge_policy: {hedge_on_per_try_timeout: true}
          retry_policy: {retry_on: 5xx, per_try_timeout: 0.1s, ${BACK_OFF}}
          routes:
          - {match: {prefix: /own}, route: {cluster: a, hedge_policy: {}}}
          - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'applies to its routes', send: 'GET /', upstream: { a: [late(150, '202 first'), silence] } },
        { name: "the route's own replaces it", send: 'GET /own', upstream: { a: [late(150, '202 first'), status('201 second')] } },
      ],
    },
    {
      name: 'asked for by a header',
      hcm: TRUSTED,
      virtualHosts: `
        - name: v
          domains: ["*"]
          retry_policy: {retry_on: 5xx, per_try_timeout: 0.1s, ${BACK_OFF}}
          routes:
          - {match: {prefix: /on}, route: {cluster: a, ${HEDGE}}}
          - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'true', send: get('/', ['x-envoy-hedge-on-per-try-timeout', 'true']), upstream: { a: [late(150, '202 first'), silence] } },
        {
          name: 'false',
          send: get('/on', ['x-envoy-hedge-on-per-try-timeout', 'false']),
          upstream: { a: [late(150, '202 first'), status('201 second')] },
        },
        {
          name: 'nonsense',
          send: get('/', ['x-envoy-hedge-on-per-try-timeout', 'maybe']),
          upstream: { a: [late(150, '202 first'), status('201 second')] },
        },
      ],
    },
    {
      name: 'slow between the bytes',
      routes: `- {match: {prefix: /}, route: {cluster: a, timeout: 1s, ${HEDGE}, retry_policy: {retry_on: 5xx, per_try_idle_timeout: 0.1s, ${BACK_OFF}}}}`,
      cases: [{ name: 'the first try answers first', send: 'GET /', upstream: { a: [late(160, '202 first'), silence] } }],
    },
    {
      name: 'which host the log names',
      routes: route('retry_on: 5xx').replace('cluster: a', 'cluster: two'),
      logFormat: '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_HOST% %UPSTREAM_REQUEST_ATTEMPT_COUNT%',
      clusters: `
        - name: two
          load_assignment:
            cluster_name: two
            endpoints:
            - {priority: 0, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}
      `,
      cases: [{ name: 'the first', send: 'GET /', upstream: { a: [late(160, '202 first'), silence] } }],
    },
  ],
};
