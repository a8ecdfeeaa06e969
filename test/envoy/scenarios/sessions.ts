import { type Area, get, reply } from '../harness/scenario.ts';

const COOKIE = (fields: string) =>
  `session_state: {name: envoy.http.stateful_session.cookie, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState, cookie: {${fields}}}}`;
const HEADER = (name: string) =>
  `session_state: {name: envoy.http.stateful_session.header, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState, name: ${name}}}`;
const FILTER = (fields: string) =>
  `- {name: sessions, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession, ${fields}}}`;
const PER_ROUTE = (fields: string) =>
  `typed_per_filter_config: {sessions: {"@type": type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute, ${fields}}}`;

/** Three hosts; without a session everything goes to the first, since the others have no load of their own. */
const HOSTS = (common = '') => `
  - name: two
    ${common}
    load_assignment:
      cluster_name: two
      endpoints:
      - {lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}
      - {priority: 1, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}}}, {health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{c}}}}}}, {health_status: DEGRADED, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{d}}}}}}]}
`;
const UPSTREAMS = { a: 'http', b: 'http', c: 'http', d: 'http' } as const;
const ROUTE = '- {match: {prefix: /}, route: {cluster: two}}';
const NOWHERE = Buffer.from('1.2.3.4:5').toString('base64');
const cookie = (value: string, path = '/') => get(path, ['cookie', `x=y; sid=${value}`]);
const session = (value: string, path = '/') => get(path, ['x-session', value]);
/** Message {address: "127.0.0.1:1"} with an end in 1970, and one far away. */
const PAST = Buffer.from('\n\x0b127.0.0.1:1\x10\x05', 'latin1').toString('base64');
const STATS = { admin: 'GET /stats', adminLines: /stateful_session|cluster\.two\.upstream_(rq_total|cx_none_healthy)/ };

/** stateful_session: who gets which host, and what the client is told. */
export const sessions: Area = {
  name: 'sessions',
  configurations: [
    {
      name: 'a cookie',
      upstreams: UPSTREAMS,
      filters: FILTER(`${COOKIE('name: sid')}, stat_prefix: cookies`),
      routes: ROUTE,
      clusters: HOSTS(),
      cases: [
        { name: 'none yet', send: ['GET /', get('/', ['cookie', 'other=1'])] },
        { name: 'the host that it names', send: [cookie('{{b-base64}}'), cookie('"{{b-base64}}"'), cookie('{{a-base64}}')] },
        { name: 'a degraded host is good enough', send: cookie('{{d-base64}}') },
        { name: 'an unhealthy one is not', send: cookie('{{c-base64}}') },
        { name: 'a host that is not there', send: cookie(NOWHERE) },
        { name: 'nonsense', send: [cookie('garbage!'), cookie(''), cookie('AAAA')] },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'a cookie with an end',
      upstreams: UPSTREAMS,
      filters: FILTER(
        `${COOKIE('name: sid, ttl: 100s, path: /here, attributes: [{name: SameSite, value: Strict}, {name: Secure}]')}, stat_prefix: ends`,
      ),
      routes: ROUTE,
      clusters: HOSTS(),
      cases: [
        { name: 'is made', send: 'GET /here' },
        {
          name: 'on its path',
          send: [cookie('{{b-base64}}', '/here'), cookie('{{b-base64}}', '/here/x?y'), cookie('{{b-base64}}', '/here?y')],
        },
        { name: 'elsewhere', send: [cookie('{{b-base64}}', '/'), cookie('{{b-base64}}', '/hereabouts'), 'GET /there'] },
        { name: 'that has ended', send: cookie(PAST, '/here') },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'a header',
      upstreams: UPSTREAMS,
      filters: FILTER(HEADER('X-Session')),
      routes: ROUTE,
      clusters: HOSTS('common_lb_config: {override_host_status: {statuses: [UNHEALTHY, HEALTHY, UNKNOWN]}}'),
      cases: [
        { name: 'none yet', send: 'GET /' },
        { name: 'the host that it names', send: [session('{{b-base64}}'), session('{{a-base64}}')] },
        { name: 'an unhealthy host where that is allowed', send: session('{{c-base64}}') },
        { name: 'and a degraded one where it is not', send: session('{{d-base64}}') },
        { name: 'nonsense', send: [session('not base64'), session(NOWHERE), session('')] },
        {
          name: 'the upstream answers with the header',
          send: ['GET /', session('{{b-base64}}')],
          upstream: { a: [reply({ headers: [['x-session', 'own']] })], b: [reply({ headers: [['x-session', 'own']] })] },
        },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'strict',
      upstreams: UPSTREAMS,
      filters: FILTER(`${HEADER('x-session')}, strict: true, stat_prefix: strict`),
      routes: `- {match: {prefix: /direct}, direct_response: {status: 200}}\n${ROUTE}`,
      clusters: HOSTS(),
      cases: [
        { name: 'none yet', send: 'GET /' },
        { name: 'the host that it names', send: session('{{b-base64}}') },
        { name: 'that host or none', send: [session(NOWHERE), session('{{c-base64}}')] },
        { name: 'nonsense names none', send: session('not base64') },
        { name: 'answers of the proxy itself', send: [session(NOWHERE, '/direct'), session('{{b-base64}}', '/direct')] },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'strict, with a status of its own',
      upstreams: UPSTREAMS,
      filters: FILTER(`${COOKIE('name: sid')}, strict: true, status_on_strict_destination_not_found: 410`),
      routes: ROUTE,
      clusters: HOSTS(),
      cases: [{ name: 'that host or none', send: [cookie(NOWHERE), cookie('{{b-base64}}')] }],
    },
    {
      name: 'by route',
      upstreams: UPSTREAMS,
      filters: FILTER(`${HEADER('x-session')}, stat_prefix: filter`),
      routes: `
        - {match: {prefix: /off}, route: {cluster: two}, ${PER_ROUTE('disabled: true')}}
        - {match: {prefix: /cookie}, route: {cluster: two}, ${PER_ROUTE(`stateful_session: {${COOKIE('name: sid')}, stat_prefix: route}`)}}
        - {match: {prefix: /strict}, route: {cluster: two}, ${PER_ROUTE(`stateful_session: {${HEADER('x-session')}, strict: true, stat_prefix: strict}`)}}
        - {match: {prefix: /empty}, route: {cluster: two}, ${PER_ROUTE('stateful_session: {}')}}
        - {match: {prefix: /retry}, route: {cluster: two, retry_policy: {retry_on: 5xx, num_retries: 1}}}
        ${ROUTE}
      `,
      clusters: HOSTS(),
      cases: [
        { name: 'switched off', send: session('{{b-base64}}', '/off') },
        { name: 'a cookie instead', send: [session('{{b-base64}}', '/cookie'), cookie('{{b-base64}}', '/cookie')] },
        { name: 'strict there alone', send: [session('{{b-base64}}', '/strict'), session(NOWHERE, '/strict')] },
        { name: 'nothing configured', send: session('{{b-base64}}', '/empty') },
        { name: 'retries go anywhere', send: session('{{b-base64}}', '/retry'), upstream: { b: [reply({ status: '503 E' })] } },
        { name: 'in the statistics', ...STATS },
      ],
    },
    {
      name: 'hosts named by a header, without sessions',
      upstreams: UPSTREAMS,
      routes: `
        - {match: {prefix: /retry}, route: {cluster: two, retry_policy: {retry_on: 5xx, num_retries: 2}}}
        ${ROUTE}
      `,
      clusters: HOSTS(`
    load_balancing_policy:
      policies:
      - typed_extension_config:
          name: envoy.load_balancing_policies.override_host
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost
            override_host_sources: [{header: x-host}, {header: x-second}]
            fallback_policy: {policies: [{typed_extension_config: {name: envoy.load_balancing_policies.round_robin, typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin}}}]}
`),
      cases: [
        { name: 'none', send: 'GET /' },
        { name: 'that host', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\nx-host: 127.0.0.1:{{b}}\r\n\r\n' } },
        { name: 'from the second header', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\nx-second: 127.0.0.1:{{b}}\r\n\r\n' } },
        { name: 'an unhealthy one', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\nx-host: 127.0.0.1:{{c}}\r\n\r\n' } },
        { name: 'a degraded one', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\nx-host: 127.0.0.1:{{d}}\r\n\r\n' } },
        { name: 'one that is not there', send: get('/', ['x-host', '1.2.3.4:5']) },
        { name: 'not there, then there', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\nx-host: 1.2.3.4:5,127.0.0.1:{{b}}\r\n\r\n' } },
        { name: 'nonsense', send: get('/', ['x-host', 'nonsense']) },
        {
          name: 'retries take the next',
          send: { raw: 'GET /retry HTTP/1.1\r\nHost: h\r\nx-host: 127.0.0.1:{{b}},127.0.0.1:{{d}}\r\n\r\n' },
          upstream: { b: [reply({ status: '503 E' })], d: [reply({ status: '503 E' })] },
        },
      ],
    },
  ],
};
