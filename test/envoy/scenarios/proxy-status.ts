import { type Area, bytes, get, hangUp, reply, reset, silence } from '../harness/scenario.ts';

const ROUTES = `
  - {match: {prefix: /dead}, route: {cluster: dead}}
  - {match: {prefix: /empty}, route: {cluster: empty}}
  - {match: {prefix: /absent}, route: {cluster: absent}}
  - {match: {prefix: /full}, route: {cluster: full}}
  - {match: {prefix: /slow}, route: {cluster: a, timeout: 0.1s}}
  - {match: {prefix: /idle}, route: {cluster: a, idle_timeout: 0.1s}}
  - {match: {prefix: /long}, route: {cluster: a, max_stream_duration: {max_stream_duration: 0.1s}}}
  - {match: {prefix: /again}, route: {cluster: a, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}
  - {match: {prefix: /direct}, direct_response: {status: 503}}
  - {match: {prefix: /a}, route: {cluster: a}}
`;
const CLUSTERS = `
  - {name: dead, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}
  - {name: empty, type: STATIC}
  - name: full
    circuit_breakers: {thresholds: [{max_requests: 0, max_pending_requests: 0}]}
    load_assignment: {cluster_name: full, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}]}
`;
const ALL = [
  { name: 'nothing wrong', send: ['GET /a', 'GET /direct'] },
  { name: 'an error of the upstream', send: 'GET /a', upstream: { a: [reply({ status: '503 Service Unavailable' })] } },
  {
    name: 'one that the upstream explains',
    send: ['GET /a', 'GET /again'],
    upstream: { a: Array(3).fill(reply({ status: '502 Bad Gateway', headers: [['Proxy-Status', 'inner; error=dns_error']] })) },
  },
  { name: 'no route', send: ['GET /nowhere', 'HEAD /nowhere'] },
  { name: 'no such cluster', send: 'GET /absent' },
  { name: 'no host', send: 'GET /empty' },
  { name: 'connection refused', send: 'GET /dead' },
  { name: 'a full cluster', send: 'GET /full' },
  { name: 'closed', send: 'GET /a', upstream: { a: [hangUp] } },
  { name: 'reset', send: 'GET /a', upstream: { a: [reset] } },
  { name: 'garbage', send: 'GET /a', upstream: { a: [bytes('garbage garbage\r\n\r\n')] } },
  { name: 'too late', send: 'GET /slow', upstream: { a: [silence] } },
  { name: 'idle', send: 'GET /idle', upstream: { a: [silence] } },
  { name: 'too long', send: 'GET /long', upstream: { a: [silence] } },
  {
    name: 'retries used up',
    send: 'GET /again',
    upstream: { a: [reply({ status: '503 Service Unavailable' }), reply({ status: '503 Service Unavailable' })] },
  },
  { name: 'retries used up, closed', send: 'GET /again', upstream: { a: [hangUp, hangUp] } },
  { name: 'a bad retry header', send: get('/a', ['x-envoy-upstream-rq-timeout-ms', 'soon']) },
  { name: 'a bad request', send: { raw: 'GET /a HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n' } },
];
const variant = (name: string, fields: string, hcm = '') => ({
  name,
  routes: ROUTES,
  clusters: CLUSTERS,
  routeConfig: 'validate_clusters: false',
  router: 'strict_check_headers: [x-envoy-upstream-rq-timeout-ms]',
  hcm: `{proxy_status_config: {${fields}}, ${hcm}}`,
  logFormat: '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%',
  cases: ALL,
});

/** The Proxy-Status header of connection managers. */
export const proxyStatus: Area = {
  name: 'proxy-status',
  configurations: [
    variant('as it comes', ''),
    variant('with the recommended codes, named after the server', 'set_recommended_response_code: true', 'server_name: edge-7'),
    variant('without flags', 'remove_response_flags: true, use_node_id: true'),
    variant('without termination details', 'remove_connection_termination_details: true, literal_proxy_name: gate'),
    variant('without details', 'remove_details: true'),
  ],
};
