import { type Area, reply } from '../harness/scenario.ts';

const status = (code: string) => reply({ status: code });
const failing = (...codes: string[]) => codes.map(status);
const TYPE = 'type.googleapis.com/envoy.extensions.retry';
const route = (more: string, retries = 1) =>
  `- {match: {prefix: /}, route: {cluster: two, retry_policy: {retry_on: 5xx, num_retries: ${retries}, retry_back_off: {base_interval: 0.001s}, ${more}}}}`;
const priority = (frequency: number) =>
  `retry_priority: {name: p, typed_config: {"@type": ${TYPE}.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: ${frequency}}}`;
const predicate = (type: string, more = '') => `{name: h, typed_config: {"@type": ${TYPE}.host.${type}${more}}}`;
const PREVIOUS = predicate('previous_hosts.v3.PreviousHostsPredicate');
const NO_CANARIES = predicate('omit_canary_hosts.v3.OmitCanaryHostsPredicate');
const noMetadata = (metadata: string) =>
  predicate('omit_host_metadata.v3.OmitHostMetadataConfig', `, metadata_match: {filter_metadata: {envoy.lb: ${metadata}}}`);
const endpoint = (port: string, metadata = '{}') =>
  `{metadata: {filter_metadata: {envoy.lb: ${metadata}}}, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${port}}}}}}}`;
/** One host in each priority: the first is tried first. */
const PRIORITIES = (metadata = '{}') => `
  - name: two
    load_assignment:
      cluster_name: two
      endpoints:
      - {priority: 0, lb_endpoints: [${endpoint('a', metadata)}]}
      - {priority: 1, lb_endpoints: [${endpoint('b')}]}
`;
const BESIDE = `
  - name: two
    lb_policy: RANDOM
    load_assignment: {cluster_name: two, endpoints: [{lb_endpoints: [${endpoint('a')}, ${endpoint('b')}]}]}
`;

/** Where a retry goes: retry_host_predicate and retry_priority. */
export const retryHosts: Area = {
  name: 'retry-hosts',
  configurations: [
    {
      name: 'previous hosts',
      routes: route(`retry_host_predicate: [${PREVIOUS}], host_selection_retry_max_attempts: 60`),
      clusters: BESIDE,
      // Not the host: which of the two comes last is a matter of chance.
      logFormat:
        '%REQ(:METHOD)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT%',
      cases: [{ name: 'each host once', send: 'GET /', upstream: { a: failing('500 E', '501 again'), b: failing('500 E', '501 again') } }],
    },
    {
      name: 'previous hosts, and no other',
      routes: route(`retry_host_predicate: [${PREVIOUS}], host_selection_retry_max_attempts: 3`),
      clusters: PRIORITIES(),
      cases: [{ name: 'the same again', send: 'GET /', upstream: { a: failing('500 E', '201 second') } }],
    },
    {
      name: 'canaries only',
      routes: route(`retry_host_predicate: [${NO_CANARIES}], host_selection_retry_max_attempts: 3`),
      clusters: PRIORITIES('{canary: true}'),
      cases: [{ name: 'the same again', send: 'GET /', upstream: { a: failing('500 E', '201 second') } }],
    },
    {
      name: 'priorities and predicates together',
      routes: route(`retry_host_predicate: [${NO_CANARIES}, ${PREVIOUS}, ${noMetadata('{stage: old}')}], ${priority(1)}`, 2),
      clusters: PRIORITIES('{canary: true, stage: old}'),
      cases: [{ name: 'the other priority', send: 'GET /', upstream: { a: failing('500 E', '201 third'), b: failing('501 E') } }],
    },
    {
      name: 'previous priorities',
      routes: route(priority(1), 4),
      clusters: PRIORITIES(),
      cases: [
        { name: 'the next priority', send: 'GET /', upstream: { a: failing('500 E'), b: failing('201 second') } },
        {
          name: 'and the first again',
          send: 'GET /',
          upstream: { a: failing('500 E', '501 E', '201 fifth'), b: failing('502 E', '503 E') },
        },
      ],
    },
    {
      name: 'previous priorities, every second try',
      routes: route(priority(2), 5),
      clusters: PRIORITIES(),
      cases: [
        {
          name: 'two tries each',
          send: 'GET /',
          upstream: { a: failing('500 E', '501 E', '504 E', '505 E'), b: failing('502 E', '503 E', '202 never') },
        },
      ],
    },
    {
      name: 'previous priorities, nobody else',
      routes: route(priority(1), 2),
      clusters: PRIORITIES().replace(/.*priority: 1.*\n/, ''),
      cases: [{ name: 'the same again', send: 'GET /', upstream: { a: failing('500 E', '501 E', '201 third') } }],
    },
    {
      name: 'previous priorities, the next one is sick',
      routes: route(priority(1), 2),
      clusters: PRIORITIES().replace('{priority: 1, lb_endpoints: [{', '{priority: 1, lb_endpoints: [{health_status: UNHEALTHY, '),
      cases: [{ name: 'the same again', send: 'GET /', upstream: { a: failing('500 E', '501 E', '201 third') } }],
    },
  ],
};
