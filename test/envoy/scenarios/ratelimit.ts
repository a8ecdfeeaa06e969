import { type Area, get, type Request, reply } from '../harness/scenario.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const NAME = 'envoy.filters.http.local_ratelimit';
const ON = 'filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: {numerator: 100}}';
/** Nothing comes back while the scenarios run. */
const bucket = (tokens: number) => `token_bucket: {max_tokens: ${tokens}, fill_interval: 3600s}`;
const limit = (fields: string) => `[{name: ${NAME}, typed_config: {"@type": ${TYPE}, stat_prefix: rl, ${fields}}}]`;
const perRoute = (fields: string) => `typed_per_filter_config: {${NAME}: {"@type": ${TYPE}, ${fields}}}`;
const descriptor = (entries: string, tokens: number, more = '') => `{entries: [${entries}], ${bucket(tokens)}${more}}`;
const TOLD = 'enable_x_ratelimit_headers: DRAFT_VERSION_03';
const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %GRPC_STATUS%';
const PLAIN = '[{match: {prefix: /}, route: {cluster: a}}]';
const times = <T>(n: number, send: T): T[] => Array.from({ length: n }, () => send);
const grpc: Request = { method: 'POST', path: '/svc/M', headers: [['content-type', 'application/grpc']], body: '' };
const key = (value: string) => `[{actions: [{generic_key: {descriptor_value: ${value}}}]}]`;

const connections = (prefix: string, fields: string) =>
  `{name: envoy.filters.network.local_ratelimit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit, stat_prefix: ${prefix}, ${fields}}}`;
const GREETING =
  '{name: envoy.filters.network.direct_response, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config, response: {inline_string: hi}}}';

/** Requests beyond what token buckets of the proxy allow. */
export const ratelimit: Area = {
  name: 'ratelimit',
  configurations: [
    {
      name: 'one bucket',
      routes: `
        - {match: {prefix: /exhausted}, route: {cluster: a}, ${perRoute(`stat_prefix: exhausted, ${bucket(1)}, ${ON}, rate_limited_as_resource_exhausted: true, status: {code: 503}`)}}
        - {match: {prefix: /200}, route: {cluster: a}, ${perRoute(`stat_prefix: fine, ${bucket(1)}, ${ON}, status: {code: 200}`)}}
        - {match: {prefix: /soft}, route: {cluster: a}, ${perRoute(`stat_prefix: soft, ${bucket(1)}, filter_enabled: {default_value: {numerator: 100}}, request_headers_to_add_when_not_enforced: [{header: {key: x-over, value: "%REQ(x-who)%"}}], ${TOLD}`)}}
        - {match: {prefix: /disabled}, route: {cluster: a}, ${perRoute(`stat_prefix: disabled, ${bucket(1)}, filter_enforced: {default_value: {numerator: 100}}, ${TOLD}`)}}
        - {match: {prefix: /runtime}, route: {cluster: a}, ${perRoute(`stat_prefix: runtime, ${bucket(1)}, filter_enabled: {runtime_key: rl.on, default_value: {numerator: 0}}, filter_enforced: {runtime_key: rl.hard, default_value: {numerator: 0}}`)}}
        - {match: {prefix: /told}, route: {cluster: a}, ${perRoute(`stat_prefix: told, ${bucket(3)}, ${ON}, ${TOLD}`)}}
        - {match: {prefix: /direct}, direct_response: {status: 200}, ${perRoute(`stat_prefix: direct, ${bucket(3)}, ${ON}, ${TOLD}`)}}
        - {match: {prefix: /several}, route: {cluster: a}, ${perRoute(`stat_prefix: several, token_bucket: {max_tokens: 2, tokens_per_fill: 10, fill_interval: 3605s}, ${ON}, ${TOLD}, enable_retry_after_header: true`)}}
        - {match: {prefix: /later}, route: {cluster: a}, ${perRoute(`stat_prefix: later, token_bucket: {max_tokens: 1, fill_interval: 3599.5s}, ${ON}, enable_retry_after_header: true, response_headers_to_add: [{header: {key: x-limited, value: "yes"}}]`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: limit(
        `${bucket(3)}, ${ON}, response_headers_to_add: [{header: {key: x-limited, value: "%PROTOCOL%"}}, {append_action: OVERWRITE_IF_EXISTS_OR_ADD, header: {key: x-limited, value: "yes"}}]`,
      ),
      bootstrap: 'layered_runtime: {layers: [{name: s, static_layer: {rl.on: 100, rl.hard: 100}}]}\n',
      logFormat: LOG,
      cases: [
        { name: 'what it holds, and one more', send: times(4, 'GET /') },
        { name: 'other methods', send: ['HEAD /', { method: 'POST', path: '/', body: 'data' }] },
        { name: 'gRPC', send: grpc },
        { name: 'as resource exhausted, own status', send: ['GET /exhausted', 'GET /exhausted', { ...grpc, path: '/exhausted' }] },
        { name: 'a status that is no error is 429', send: times(2, 'GET /200') },
        { name: 'not enforced: passes, marked', send: times(2, get('/soft', ['x-who', 'me'])) },
        { name: 'not enabled: passes', send: times(2, 'GET /disabled') },
        { name: 'enabled and enforced by runtime', send: times(2, 'GET /runtime') },
        { name: 'headers that tell', send: times(4, 'GET /told') },
        { name: 'headers that tell, of a direct response', send: 'GET /direct' },
        { name: 'several tokens a fill come back sooner', send: times(3, 'GET /several') },
        { name: 'when to come back', send: times(2, 'GET /later') },
      ],
    },
    {
      name: 'no bucket',
      routes: PLAIN,
      filters: limit(`${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03`),
      cases: [{ name: 'everything passes', send: times(2, 'GET /') }],
    },
    {
      name: 'upstream has such headers too',
      routes: PLAIN,
      filters: limit(`${bucket(30)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03`),
      cases: [{ name: 'both stand', send: 'GET /', upstream: { a: [reply({ headers: [['x-ratelimit-limit', '9']] })] } }],
    },
    {
      name: 'routes of their own',
      routes: `
        - {match: {prefix: /two}, route: {cluster: a}, ${perRoute(`stat_prefix: two, ${bucket(2)}, ${ON}`)}}
        - {match: {prefix: /same}, route: {cluster: a}, ${perRoute(`stat_prefix: two, ${bucket(2)}, ${ON}`)}}
        - {match: {prefix: /off}, route: {cluster: a}, ${perRoute(`stat_prefix: off, ${bucket(1)}`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: limit(`${bucket(1)}, ${ON}`),
      cases: [
        { name: 'its own bucket', send: times(3, 'GET /two') },
        { name: 'equal to another, but not the same', send: times(3, 'GET /same') },
        { name: 'the filter of others', send: times(2, 'GET /') },
        { name: 'switched off', send: times(3, 'GET /off') },
      ],
    },
    {
      name: 'descriptors',
      routes: `
        - {match: {prefix: /one}, route: {cluster: a, rate_limits: ${key('one')}}}
        - {match: {prefix: /none}, route: {cluster: a, rate_limits: ${key('none')}}}
        - {match: {prefix: /two}, route: {cluster: a, rate_limits: [{actions: [{generic_key: {descriptor_value: two}}, {request_headers: {header_name: x-user, descriptor_key: user}}]}]}}
        - {match: {prefix: /skip}, route: {cluster: a, rate_limits: [{actions: [{generic_key: {descriptor_value: one}}, {request_headers: {header_name: x-user, descriptor_key: user, skip_if_absent: true}}]}]}}
        - {match: {prefix: /both}, route: {cluster: a, rate_limits: [{actions: [{generic_key: {descriptor_value: big}}]}, {actions: [{generic_key: {descriptor_value: small}}]}]}}
        - {match: {prefix: /stage}, route: {cluster: a, rate_limits: [{stage: 1, actions: [{generic_key: {descriptor_value: one}}]}]}}
        - {match: {prefix: /key}, route: {cluster: a, rate_limits: [{actions: [{generic_key: {descriptor_key: k, descriptor_value: one}}]}]}}
        - {match: {prefix: /off}, route: {cluster: a, rate_limits: [{disable_key: off, actions: [{generic_key: {descriptor_value: one}}]}]}}
        - {match: {prefix: /weak}, route: {cluster: a, rate_limits: ${key('weak')}}}
        - {match: {prefix: /direct}, direct_response: {status: 200}}
      `,
      filters: limit(
        `${bucket(100)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [${descriptor('{key: generic_key, value: one}', 2)}, ${descriptor('{key: generic_key, value: two}, {key: user, value: bob}', 1)}, ${descriptor('{key: generic_key, value: big}', 50)}, ${descriptor('{key: generic_key, value: small}', 3)}, ${descriptor('{key: k, value: one}', 4)}, ${descriptor('{key: generic_key, value: weak}', 1, ', shadow_mode: true')}]`,
      ),
      bootstrap: 'layered_runtime: {layers: [{name: s, static_layer: {ratelimit.off.http_filter_enabled: 0}}]}\n',
      logFormat: LOG,
      cases: [
        { name: 'one', send: times(3, 'GET /one') },
        { name: 'of no bucket', send: times(2, 'GET /none') },
        { name: 'two entries', send: times(2, get('/two', ['x-user', 'bob'])) },
        { name: 'two entries, another user', send: times(2, get('/two', ['x-user', 'amy'])) },
        { name: 'an entry that cannot be made', send: times(2, 'GET /two') },
        { name: 'an entry that is skipped', send: 'GET /skip' },
        { name: 'two descriptors', send: times(4, 'GET /both') },
        { name: 'of another stage', send: times(2, 'GET /stage') },
        { name: 'by another key', send: 'GET /key' },
        { name: 'switched off by runtime', send: 'GET /off' },
        { name: 'in shadow', send: times(2, 'GET /weak') },
        { name: 'no route entry', send: 'GET /direct' },
      ],
    },
    {
      name: 'actions',
      routes: `
        - {match: {prefix: /source}, route: {cluster: a, rate_limits: [{actions: [{source_cluster: {}}]}]}}
        - {match: {prefix: /destination}, route: {cluster: a, rate_limits: [{actions: [{destination_cluster: {}}]}]}}
        - {match: {prefix: /address}, route: {cluster: a, rate_limits: [{actions: [{remote_address: {}}]}]}}
        - {match: {prefix: /masked}, route: {cluster: a, rate_limits: [{actions: [{masked_remote_address: {v4_prefix_mask_len: 9}}]}]}}
        - {match: {prefix: /range}, route: {cluster: a, rate_limits: [{actions: [{remote_address_match: {descriptor_value: local, address_matcher: {ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}}]}]}}
        - {match: {prefix: /outside}, route: {cluster: a, rate_limits: [{actions: [{remote_address_match: {descriptor_value: local, address_matcher: {ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}], invert_match: true}}}]}]}}
        - {match: {prefix: /method}, route: {cluster: a, rate_limits: [{actions: [{request_headers: {header_name: ":method", descriptor_key: method}}]}]}}
        - {match: {prefix: /header}, route: {cluster: a, rate_limits: [{actions: [{header_value_match: {descriptor_value: yes1, headers: [{name: x-a, string_match: {exact: b}}]}}]}]}}
        - {match: {prefix: /noheader}, route: {cluster: a, rate_limits: [{actions: [{header_value_match: {descriptor_value: no1, expect_match: false, headers: [{name: x-a, string_match: {exact: b}}]}}]}]}}
        - {match: {prefix: /query}, route: {cluster: a, rate_limits: [{actions: [{query_parameters: {query_parameter_name: q, descriptor_key: q}}]}]}}
        - {match: {prefix: /match}, route: {cluster: a, rate_limits: [{actions: [{query_parameter_value_match: {descriptor_value: m, query_parameters: [{name: q, string_match: {prefix: x}}]}}]}]}}
        - {match: {prefix: /meta}, metadata: {filter_metadata: {ns: {a: {b: deep}, n: 1}}}, route: {cluster: a, rate_limits: [{actions: [{metadata: {descriptor_key: meta, source: ROUTE_ENTRY, metadata_key: {key: ns, path: [{key: a}, {key: b}]}}}]}]}}
        - {match: {prefix: /number}, metadata: {filter_metadata: {ns: {n: 1}}}, route: {cluster: a, rate_limits: [{actions: [{metadata: {descriptor_key: meta, default_value: usual, source: ROUTE_ENTRY, metadata_key: {key: ns, path: [{key: n}]}}}]}]}}
        - {match: {prefix: /dynamic}, route: {cluster: a, rate_limits: [{actions: [{metadata: {descriptor_key: meta, default_value: deep, metadata_key: {key: ns, path: [{key: a}]}}}]}]}}
        - {match: {prefix: /format}, route: {cluster: a, rate_limits: [{actions: [{generic_key: {descriptor_value: "%REQ(x-k)%", default_value: plain}}]}]}}
        - {match: {prefix: /text}, route: {cluster: a, rate_limits: [{actions: [{generic_key: {descriptor_value: "is-%REQ(x-k)%"}}]}]}}
      `,
      filters: limit(
        `${bucket(100)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, always_consume_default_token_bucket: false, descriptors: [${[
          '{key: source_cluster, value: shop}',
          '{key: destination_cluster, value: a}',
          '{key: remote_address, value: 127.0.0.1}',
          '{key: masked_remote_address, value: 127.0.0.0/9}',
          '{key: remote_address_match, value: local}',
          '{key: remote_address, value: local}',
          '{key: method, value: GET}',
          '{key: header_match, value: yes1}',
          '{key: header_match, value: no1}',
          '{key: q, value: x1}',
          '{key: q, value: a%20b}',
          '{key: q, value: a b}',
          '{key: q, value: a+b}',
          '{key: query_match, value: m}',
          '{key: meta, value: deep}',
          '{key: meta, value: usual}',
          '{key: generic_key, value: plain}',
          '{key: generic_key, value: ""}',
        ]
          .map((entry, i) => descriptor(entry, 11 + i))
          .join(', ')}]`,
      ),
      args: ['--service-cluster', 'shop'],
      cases: [
        { name: 'source cluster', send: 'GET /source' },
        { name: 'destination cluster', send: 'GET /destination' },
        { name: 'remote address', send: 'GET /address' },
        { name: 'masked remote address', send: 'GET /masked' },
        { name: 'remote address match', send: ['GET /range', 'GET /outside'] },
        { name: 'a pseudo header', send: ['GET /method', { method: 'POST', path: '/method', body: '' }] },
        {
          name: 'header match',
          send: [get('/header', ['x-a', 'b']), get('/header', ['x-a', 'c']), get('/noheader', ['x-a', 'b']), 'GET /noheader'],
        },
        { name: 'query parameter', send: ['GET /query?q=x1', 'GET /query?q=a%20b', 'GET /query?r=1', 'GET /query?q=', 'GET /query?q=a+b'] },
        { name: 'query match', send: ['GET /match?q=xy', 'GET /match?q=%78y', 'GET /match?q=y', 'GET /match'] },
        { name: 'metadata', send: ['GET /meta', 'GET /number', 'GET /dynamic'] },
        { name: 'formats', send: [get('/format', ['x-k', 'other']), 'GET /format', get('/text', ['x-k', 'z']), 'GET /text'] },
      ],
    },
    {
      name: 'virtual hosts',
      virtualHosts: `
        - name: v
          domains: ["*"]
          rate_limits: ${key('host')}
          routes:
          - {match: {prefix: /bare}, route: {cluster: a}}
          - {match: {prefix: /own}, route: {cluster: a, rate_limits: ${key('own')}}}
          - {match: {prefix: /include}, route: {cluster: a, include_vh_rate_limits: true, rate_limits: ${key('own')}}}
          - {match: {prefix: /pf-include}, route: {cluster: a, rate_limits: ${key('own')}}, ${perRoute(`stat_prefix: i, vh_rate_limits: INCLUDE, ${bucket(50)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [${descriptor('{key: generic_key, value: host}', 21)}]`)}}
          - {match: {prefix: /pf-ignore}, route: {cluster: a}, ${perRoute(`stat_prefix: n, vh_rate_limits: IGNORE, ${bucket(51)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [${descriptor('{key: generic_key, value: host}', 22)}]`)}}
          - {match: {prefix: /pf-override}, route: {cluster: a, rate_limits: [{stage: 3, actions: [{generic_key: {descriptor_value: own}}]}]}, ${perRoute(`stat_prefix: o, ${bucket(52)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [${descriptor('{key: generic_key, value: host}', 23)}]`)}}
      `,
      filters: limit(
        `${bucket(100)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [${descriptor('{key: generic_key, value: host}', 5)}, ${descriptor('{key: generic_key, value: own}', 7)}]`,
      ),
      cases: [
        { name: 'of a route without its own', send: 'GET /bare' },
        { name: 'replaced by the route', send: 'GET /own' },
        { name: 'included', send: ['GET /include', 'GET /bare', 'GET /own'] },
        { name: 'by the per-route filter configuration', send: ['GET /pf-include', 'GET /pf-ignore', 'GET /pf-override'] },
      ],
    },
    {
      name: 'included by the filter',
      virtualHosts: `
        - {name: v, domains: ["*"], rate_limits: ${key('host')}, routes: [{match: {prefix: /}, route: {cluster: a, rate_limits: ${key('own')}}}]}
      `,
      filters: limit(
        `${bucket(100)}, ${ON}, vh_rate_limits: INCLUDE, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [${descriptor('{key: generic_key, value: host}', 5)}, ${descriptor('{key: generic_key, value: own}', 7)}]`,
      ),
      cases: [{ name: 'both', send: times(2, 'GET /') }],
    },
    {
      name: 'rate limits of the filter',
      routes: `
        - {match: {prefix: /direct}, direct_response: {status: 200}}
        - {match: {prefix: /}, route: {cluster: a, rate_limits: ${key('route')}}}
      `,
      filters: limit(
        `${bucket(100)}, ${ON}, rate_limits: [{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}, {x_ratelimit_option: DRAFT_VERSION_03, actions: [{request_headers: {header_name: x-told, descriptor_key: user}}]}, {hits_addend: {number: 3}, actions: [{request_headers: {header_name: x-three, descriptor_key: user}}]}, {hits_addend: {format: "%REQ(x-hits)%"}, actions: [{request_headers: {header_name: x-many, descriptor_key: user}}]}, {apply_on_stream_done: true, actions: [{request_headers: {header_name: x-late, descriptor_key: user}}]}, {hits_addend: {number: 0}, actions: [{request_headers: {header_name: x-zero, descriptor_key: user}}]}], descriptors: [${descriptor('{key: user, value: amy}', 2)}, ${descriptor('{key: user, value: bob}', 4)}, ${descriptor('{key: user, value: cat}', 9)}, ${descriptor('{key: generic_key, value: route}', 1)}, ${descriptor('{key: user, value: eve}', 1)}, ${descriptor('{key: user, value: fay}', 1)}, ${descriptor('{key: user, value: gus}', 1)}]`,
      ),
      cases: [
        { name: 'limit', send: times(3, get('/', ['x-user', 'amy'])) },
        { name: 'a direct response too', send: get('/direct', ['x-user', 'amy']) },
        { name: 'tell what is left', send: times(2, get('/', ['x-told', 'bob'])) },
        { name: 'count for three', send: times(2, get('/', ['x-three', 'bob'])) },
        {
          name: 'count for what the request says',
          send: [
            get('/', ['x-many', 'cat'], ['x-hits', '8']),
            get('/', ['x-many', 'cat'], ['x-hits', '2']),
            get('/', ['x-many', 'cat'], ['x-hits', '1']),
          ],
        },
        {
          name: 'what the request says is no number',
          send: [
            get('/', ['x-many', 'eve'], ['x-hits', 'x']),
            get('/', ['x-many', 'eve']),
            get('/', ['x-many', 'eve'], ['x-hits', '1']),
            get('/', ['x-many', 'eve']),
          ],
        },
        { name: 'only when the stream is done', send: times(3, get('/', ['x-late', 'fay'])) },
        {
          name: 'count for nothing',
          send: [get('/', ['x-zero', 'gus']), get('/', ['x-zero', 'gus']), get('/', ['x-user', 'gus']), get('/', ['x-zero', 'gus'])],
        },
      ],
    },
    {
      name: 'descriptors told as off',
      routes: PLAIN,
      filters: limit(
        `${bucket(100)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, enable_retry_after_header: true, rate_limits: [{x_ratelimit_option: "OFF", actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}], descriptors: [${descriptor('{key: user, value: amy}', 1)}]`,
      ),
      cases: [
        { name: 'nothing is told', send: times(2, get('/', ['x-user', 'amy'])) },
        { name: 'of others it is', send: 'GET /' },
      ],
    },
    {
      name: 'descriptors alone',
      routes: `[{match: {prefix: /}, route: {cluster: a, rate_limits: [{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}]}}]`,
      filters: limit(`${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, descriptors: [${descriptor('{key: user, value: amy}', 1)}]`),
      cases: [
        { name: 'limited', send: times(2, get('/', ['x-user', 'amy'])) },
        { name: 'not limited', send: times(2, get('/', ['x-user', 'bob'])) },
      ],
    },
    {
      name: 'wildcards',
      routes: `
        - {match: {prefix: /two}, route: {cluster: a, rate_limits: [{actions: [{generic_key: {descriptor_value: t}}, {request_headers: {header_name: x-user, descriptor_key: user}}]}]}}
        - {match: {prefix: /}, route: {cluster: a, rate_limits: [{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}]}}
      `,
      filters: limit(
        `${bucket(100)}, ${ON}, enable_x_ratelimit_headers: DRAFT_VERSION_03, max_dynamic_descriptors: 2, descriptors: [${descriptor('{key: user}', 2)}, ${descriptor('{key: user, value: vip}', 10)}, ${descriptor('{key: generic_key, value: t}, {key: user}', 3)}]`,
      ),
      cases: [
        { name: 'a bucket for each value', send: [...times(3, get('/', ['x-user', 'amy'])), get('/', ['x-user', 'bob'])] },
        { name: 'exact before wildcard', send: get('/', ['x-user', 'vip']) },
        { name: 'with a fixed entry', send: times(2, get('/two', ['x-user', 'amy'])) },
        {
          name: 'the least recently used goes',
          send: [get('/', ['x-user', 'amy']), get('/', ['x-user', 'cat']), get('/', ['x-user', 'amy']), get('/', ['x-user', 'bob'])],
        },
        { name: 'an empty value', send: times(2, get('/', ['x-user', ''])) },
      ],
    },
    {
      name: 'a bucket for each connection',
      routes: `
        - {match: {prefix: /route}, route: {cluster: a}, ${perRoute(`stat_prefix: r, ${bucket(1)}, ${ON}, local_rate_limit_per_downstream_connection: true`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: limit(`${bucket(2)}, ${ON}, local_rate_limit_per_downstream_connection: true, enable_x_ratelimit_headers: DRAFT_VERSION_03`),
      cases: [
        { name: 'one', send: times(3, 'GET /') },
        { name: 'another', send: times(3, 'GET /') },
        { name: 'the first configuration counts', send: ['GET /route', 'GET /route', 'GET /'] },
        { name: 'the other way round', send: ['GET /', 'GET /route', 'GET /route'] },
      ],
    },
    {
      name: 'shared by the local cluster',
      routes: PLAIN,
      filters: limit(`${bucket(6)}, ${ON}, local_cluster_rate_limit: {}, enable_x_ratelimit_headers: DRAFT_VERSION_03`),
      clusters: `
        - name: mine
          load_assignment: {cluster_name: mine, endpoints: [{lb_endpoints: [
            {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}},
            {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}}},
            {health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.2, port_value: {{b}}}}}}]}]}
      `,
      bootstrap: 'cluster_manager: {local_cluster_name: mine}\n',
      ignoreStats: /lb_recalculate_zone_structures/,
      cases: [{ name: 'a share of it', send: times(3, 'GET /') }],
    },
    {
      name: 'connections',
      networkFilters: `[${connections('x', `${bucket(2)}`)}, ${connections('off', `${bucket(1)}, runtime_enabled: {default_value: true, runtime_key: limit.off}`)}, ${connections('s1', `${bucket(5)}, share_key: both`)}, ${connections('s2', `${bucket(5)}, share_key: both`)}, ${GREETING}]`,
      bootstrap: 'layered_runtime: {layers: [{name: s, static_layer: {limit.off: false}}]}\n',
      cases: [
        { name: 'first', tcp: true, send: { raw: '', payload: 2 }, closes: true },
        { name: 'second', tcp: true, send: { raw: '', payload: 2 }, closes: true },
        { name: 'third', tcp: true, send: { raw: '', responses: 0 }, closes: true },
      ],
    },
    {
      name: 'connections, by one key',
      networkFilters: `[${connections('s1', `${bucket(3)}, share_key: both`)}, ${connections('s2', `${bucket(3)}, share_key: both`)}, ${connections('other', `${bucket(4)}, share_key: both`)}, ${GREETING}]`,
      cases: [
        { name: 'first', tcp: true, send: { raw: '', payload: 2 }, closes: true },
        { name: 'second', tcp: true, send: { raw: '', responses: 0 }, closes: true },
      ],
    },
    {
      name: 'sockets',
      networkFilters: `[${GREETING}]`,
      listener: `listener_filters: [{name: envoy.filters.listener.local_ratelimit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit, stat_prefix: l, ${bucket(1)}}}]`,
      cases: [
        { name: 'first', tcp: true, send: { raw: '', payload: 2 }, closes: true },
        { name: 'second', tcp: true, send: { raw: '', responses: 0 }, closes: true },
      ],
    },
  ],
};
