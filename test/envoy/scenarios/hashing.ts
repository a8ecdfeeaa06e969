import { type Area, type Configuration, get, type Request, reply } from '../harness/scenario.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const UPSTREAMS: Configuration['upstreams'] = { a: 'http', b: 'http', c: 'http', d: 'http' };
/** Keys of their own, since the ports of the two runs are not the same. */
const endpoint = (name: string, more = '') =>
  `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${name}}}}}}, metadata: {filter_metadata: {envoy.lb: {hash_key: host-${name}}}}${more}}`;
const assignment = (endpoints: readonly string[]) =>
  `load_assignment: {cluster_name: hashed, endpoints: [{lb_endpoints: [${endpoints.join(', ')}]}]}`;
const ALL = assignment(NAMES.map((name) => endpoint(name)));
const clusters = (lb: string, hosts = ALL) => `
  - name: hashed
    ${lb}
    ${hosts}
`;
const routes = (policies: string, more = '') => `- {match: {prefix: /}, route: {cluster: hashed, hash_policy: [${policies}]${more}}}`;
const users = (n: number): Request[] => Array.from({ length: n }, (_, i) => get('/', ['x-user', 'user-' + i]));
const BY_USER = '{header: {header_name: x-user}}';
const RING = 'lb_policy: RING_HASH';
const STATS = { admin: 'GET /stats', adminLines: /ring_hash_lb|maglev_lb|upstream_rq_total|lb_healthy_panic/ };

const typed = (name: string, message: string, fields: string) => `
    load_balancing_policy:
      policies:
      - typed_extension_config:
          name: first
          typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.${name}.v3.${message}${fields === '' ? '' : ', ' + fields}}
`;

/** Consistent hashing end to end: what is hashed, where it leads, and which cookie the client gets. */
export const hashing: Area = {
  name: 'hashing',
  configurations: [
    {
      name: 'a header',
      upstreams: UPSTREAMS,
      routes: routes('{header: {header_name: X-User}}'),
      clusters: clusters(RING),
      cases: [
        { name: 'each user to a host', send: users(12) },
        { name: 'again', send: users(12) },
        {
          name: 'two lines, in either order',
          send: [get('/', ['x-user', 'p'], ['x-user', 'q']), get('/', ['x-user', 'q'], ['x-user', 'p'])],
        },
        { name: 'an empty one', send: [get('/', ['x-user', '']), get('/', ['x-user', ''])] },
        { name: 'upper case counts', send: [get('/', ['x-user', 'USER-1']), get('/', ['x-user', 'user-1'])] },
        { name: 'in the statistics', ...STATS },
      ],
    },
    ...[
      ['ring_hash', 'RingHash'],
      ['maglev', 'Maglev'],
    ].map(
      ([name, message]): Configuration => ({
        name: `what a typed ${name} hashes by itself`,
        upstreams: UPSTREAMS,
        routes: routes('{header: {header_name: x-other}}'),
        clusters: clusters(
          typed(
            name!,
            message!,
            'consistent_hashing_lb_config: {hash_policy: [{header: {header_name: x-user}, terminal: true}, {query_parameter: {name: q}}, {cookie: {name: sid, ttl: 60s}}]}',
          ),
        ),
        cases: [
          { name: 'each user to a host', send: users(12) },
          {
            name: 'whatever the route says',
            send: users(6).map((user) => ({ ...user, headers: [...user.headers!, ['x-other', 'same'] as const] })),
          },
          { name: 'by the query without a user', send: Array.from({ length: 8 }, (_, i) => get(`/?q=${i}`, ['cookie', 'sid=one'])) },
        ],
      }),
    ),
    {
      name: 'a header, rewritten',
      upstreams: UPSTREAMS,
      routes: routes('{header: {header_name: ":path", regex_rewrite: {pattern: {regex: "^/shard-([0-9]+)/.*$"}, substitution: "\\\\1"}}}'),
      clusters: clusters('lb_policy: MAGLEV'),
      cases: [
        {
          name: 'what the expression leaves is hashed',
          send: ['GET /shard-1/x', 'GET /shard-1/y?z', 'GET /shard-2/x', 'GET /shard-22/x', 'GET /other'],
        },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'values of cookies',
      upstreams: UPSTREAMS,
      routes: routes('{cookie: {name: sid}}'),
      clusters: clusters(RING),
      cases: [
        { name: 'each to its host', send: Array.from({ length: 8 }, (_, i) => get('/', ['cookie', `a=b; sid=value-${i}; c=d`])) },
        { name: 'quoted', send: [get('/', ['cookie', 'sid="value-1"']), get('/', ['cookie', 'sid=value-1'])] },
        { name: 'in a second line', send: [get('/', ['cookie', 'x=y'], ['cookie', 'sid=value-2']), get('/', ['cookie', 'sid=value-2'])] },
      ],
    },
    {
      name: 'a query parameter',
      upstreams: UPSTREAMS,
      routes: routes('{query_parameter: {name: u}}'),
      clusters: clusters(typed('maglev', 'Maglev', 'table_size: 1009')),
      cases: [
        { name: 'each value to its host', send: Array.from({ length: 8 }, (_, i) => `GET /?x=1&u=${i}`) },
        { name: 'the first of several', send: ['GET /?u=3&u=4', 'GET /?u=3'] },
        { name: 'encoded', send: ['GET /?u=%33', 'GET /?u=a%20b', 'GET /?u=a+b'] },
        { name: 'an empty one', send: ['GET /?u=', 'GET /?u='] },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'the client address',
      upstreams: UPSTREAMS,
      hcm: 'use_remote_address: false\nxff_num_trusted_hops: 0',
      routes: routes('{connection_properties: {source_ip: true}}'),
      clusters: clusters(RING),
      cases: [
        { name: 'of the connection', send: ['GET /', 'GET /'] },
        {
          name: 'as trusted proxies tell it',
          send: ['1.2.3.4', '1.2.3.5', '1.2.3.6', '2001:db8::1'].map((ip) => get('/', ['x-forwarded-for', ip])),
        },
      ],
    },
    {
      name: 'several policies',
      upstreams: UPSTREAMS,
      routes: `
        - {match: {prefix: /both}, route: {cluster: hashed, hash_policy: [{header: {header_name: x-a}}, {header: {header_name: x-b}}]}}
        - {match: {prefix: /terminal}, route: {cluster: hashed, hash_policy: [{header: {header_name: x-a}, terminal: true}, {header: {header_name: x-b}}]}}
        - {match: {prefix: /same}, route: {cluster: hashed, hash_policy: [{header: {header_name: x-a}}, {header: {header_name: x-a}}]}}
      `,
      clusters: clusters(RING),
      cases: [
        {
          name: 'are combined',
          send: [
            get('/both', ['x-a', '1'], ['x-b', '2']),
            get('/both', ['x-a', '2'], ['x-b', '1']),
            get('/both', ['x-b', '2']),
            get('/both', ['x-a', '1']),
          ],
        },
        {
          name: 'a terminal one ends it',
          send: [
            get('/terminal', ['x-a', '1'], ['x-b', '2']),
            get('/terminal', ['x-a', '1'], ['x-b', '7']),
            get('/terminal', ['x-b', '2']),
          ],
        },
        { name: 'do not cancel out', send: [get('/same', ['x-a', '1']), get('/same', ['x-a', '2']), get('/same', ['x-a', '3'])] },
      ],
    },
    {
      name: 'retries',
      upstreams: UPSTREAMS,
      routes: routes(
        BY_USER,
        ', retry_policy: {retry_on: 5xx, num_retries: 2, host_selection_retry_max_attempts: 5, retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]}',
      ),
      clusters: clusters(RING),
      cases: [
        {
          name: 'go to the next positions on the ring',
          send: users(4),
          upstream: Object.fromEntries(NAMES.map((name) => [name, [reply({ status: '503 E' })]])),
        },
      ],
    },
    {
      name: 'retries with maglev',
      upstreams: UPSTREAMS,
      routes: routes(
        BY_USER,
        ', retry_policy: {retry_on: 5xx, num_retries: 2, host_selection_retry_max_attempts: 5, retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]}',
      ),
      clusters: clusters('lb_policy: MAGLEV'),
      cases: [
        {
          name: 'go where the changed hash leads',
          send: users(4),
          upstream: Object.fromEntries(NAMES.map((name) => [name, [reply({ status: '503 E' })]])),
        },
      ],
    },
    {
      name: 'weights',
      upstreams: UPSTREAMS,
      routes: routes(BY_USER),
      clusters: clusters(RING, assignment(NAMES.map((name, i) => endpoint(name, `, load_balancing_weight: ${1 + i * 3}`)))),
      cases: [
        { name: 'each user to a host', send: users(12) },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'murmur',
      upstreams: UPSTREAMS,
      routes: routes(BY_USER),
      clusters: clusters(typed('ring_hash', 'RingHash', 'hash_function: MURMUR_HASH_2, minimum_ring_size: 64, maximum_ring_size: 128')),
      cases: [
        { name: 'each user to a host', send: users(12) },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'hosts that cannot be used',
      upstreams: UPSTREAMS,
      routes: routes(BY_USER),
      clusters: clusters(
        RING,
        assignment(
          ['a', 'b', 'c']
            .map((name) => endpoint(name, `, health_status: ${name === 'b' ? 'DEGRADED' : 'HEALTHY'}`))
            .concat(endpoint('d', ', health_status: UNHEALTHY')),
        ),
      ),
      cases: [
        { name: 'have no place', send: users(12) },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'panic',
      upstreams: UPSTREAMS,
      routes: routes(BY_USER),
      clusters: clusters(
        'lb_policy: MAGLEV',
        assignment(NAMES.map((name) => endpoint(name, name === 'a' ? '' : ', health_status: UNHEALTHY'))),
      ),
      cases: [
        { name: 'all have places', send: users(12) },
        { name: 'and it is counted', ...STATS },
      ],
    },
    {
      name: 'priorities',
      upstreams: UPSTREAMS,
      routes: routes(BY_USER),
      clusters: `
        - name: hashed
          lb_policy: RING_HASH
          load_assignment:
            cluster_name: hashed
            endpoints:
            - {lb_endpoints: [${endpoint('a')}, ${endpoint('b', ', health_status: UNHEALTHY')}]}
            - {priority: 1, lb_endpoints: [${endpoint('c')}, ${endpoint('d')}]}
      `,
      cases: [
        { name: 'by the hash', send: users(16) },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'bounded loads',
      upstreams: UPSTREAMS,
      routes: routes(BY_USER),
      clusters: clusters(`${RING}\n    common_lb_config: {consistent_hashing_lb_config: {hash_balance_factor: 100}}`),
      cases: [
        { name: 'nothing in flight: as without', send: users(12) },
        {
          name: 'a busy host passes its requests on',
          parallel: Array.from({ length: 8 }, () => ({ send: get('/', ['x-user', 'hot']), until: 'upstream' as const })),
          upstream: Object.fromEntries(
            NAMES.map((name) => [
              name,
              Array.from({ length: 8 }, () => [{ wholeRequest: true }, { gate: true }, ...reply({ body: 'ok' })]),
            ]),
          ),
        },
      ],
    },
    {
      name: 'typed policies',
      upstreams: UPSTREAMS,
      routes: routes(BY_USER),
      clusters: `
        - name: hashed
          load_balancing_policy:
            policies:
            - {typed_extension_config: {name: unknown.policy, typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash, minimum_ring_size: 10}}}
            - {typed_extension_config: {name: envoy.load_balancing_policies.maglev, typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev}}}
          ${ALL}
      `,
      cases: [
        { name: 'the first that is known', send: users(6) },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'TCP connections by the client address',
      upstreams: { a: 'tcp', b: 'tcp', c: 'tcp', d: 'tcp' },
      networkFilters:
        '[{name: envoy.filters.network.tcp_proxy, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: hashed, hash_policy: [{source_ip: {}}], access_log: [{name: envoy.access_loggers.file, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "in=%BYTES_RECEIVED% out=%BYTES_SENT% %UPSTREAM_HOST%\\n"}}}}]}}]',
      clusters: clusters(RING),
      cases: [
        { name: 'to the same host', tcp: true, send: { raw: 'hello', payload: 5 } },
        { name: 'every time', tcp: true, send: { raw: 'again', payload: 5 } },
      ],
    },
  ],
};
