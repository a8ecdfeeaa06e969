import { type Area, get } from '../harness/scenario.ts';

const TYPE = 'type.googleapis.com';
const NETWORK = `${TYPE}/envoy.extensions.matching.common_inputs.network.v3`;
const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(envoy.filters.http.rbac)% %DYNAMIC_METADATA(envoy.common)% %DYNAMIC_METADATA(envoy.filters.network.rbac)%';
const typed = (type: string, fields = '') => `{name: x, typed_config: {"@type": ${type}${fields === '' ? '' : `, ${fields}`}}}`;
const header = (name: string) => typed(`${TYPE}/envoy.type.matcher.v3.HttpRequestHeaderMatchInput`, `header_name: ${name}`);
const network = (name: string) => typed(`${NETWORK}.${name}`);
const action = (name: string, kind = 'ALLOW') =>
  `{action: ${typed(`${TYPE}/envoy.config.rbac.v3.Action`, `name: "${name}", action: ${kind}`)}}`;
const exact = (input: string, value: string) => `{single_predicate: {input: ${input}, value_match: {exact: "${value}"}}}`;
const list = (...entries: readonly (readonly [predicate: string, onMatch: string])[]) =>
  `matcher_list: {matchers: [${entries.map(([predicate, onMatch]) => `{predicate: ${predicate}, on_match: ${onMatch}}`).join(', ')}]}`;
const ip = (input: string, ...ranges: readonly string[]) =>
  `{single_predicate: {input: ${input}, custom_match: ${typed(`${TYPE}/envoy.extensions.matching.input_matchers.ip.v3.Ip`, `stat_prefix: s, cidr_ranges: [${ranges.map((r) => `{address_prefix: "${r.split('/')[0]}", prefix_len: ${r.split('/')[1]}}`).join(', ')}]`)}}}`;
const http = (fields: string) =>
  `[{name: envoy.filters.http.rbac, typed_config: {"@type": ${TYPE}/envoy.extensions.filters.http.rbac.v3.RBAC, ${fields}}}]`;
const route = (prefix: string, matcher: string) =>
  `- {match: {prefix: ${prefix}}, route: {cluster: a}, typed_per_filter_config: {envoy.filters.http.rbac: {"@type": ${TYPE}/envoy.extensions.filters.http.rbac.v3.RBACPerRoute, rbac: {matcher: {${matcher}}}}}}`;
const onMatch = (prefix: string, predicate: string) => route(prefix, list([predicate, action('yes')]));
const ranges = (...entries: readonly (readonly [range: string, onMatch: string, more?: string])[]) =>
  `custom_match: ${typed(`${TYPE}/xds.type.matcher.v3.IPMatcher`, `range_matchers: [${entries.map(([range, then, more]) => `{ranges: [{address_prefix: "${range.split('/')[0]}", prefix_len: ${range.split('/')[1]}}], on_match: ${then}${more ?? ''}}`).join(', ')}]`)}`;
const empty = `{matcher: {${list([exact(header('x-never'), 'x'), action('never')])}}}`;

/** Generic matching, by the trees of the rbac filters. */
export const matching: Area = {
  name: 'matching',
  configurations: [
    {
      name: 'HTTP',
      hcm: 'use_remote_address: false',
      logFormat: LOG,
      filters: http(
        `matcher: {${list([`{and_matcher: {predicate: [${exact(header('x-user'), 'root')}, {not_matcher: ${exact(header(':method'), 'GET')}}]}}`, action('root writes', 'DENY')])}, on_no_match: ${action('everyone')}}, shadow_matcher: {${list([exact(header('x-user'), 'root'), action('watched', 'LOG')])}}`,
      ),
      routes: `
        ${onMatch('/ip', ip(network('SourceIPInput'), '1.2.3.0/24', 'fc00::/7'))}
        ${onMatch('/direct', ip(network('DirectSourceIPInput'), '127.0.0.0/8'))}
        ${onMatch('/port', exact(network('DestinationPortInput'), '{{listener}}'))}
        ${onMatch('/destination', exact(network('DestinationIPInput'), '127.0.0.1'))}
        ${onMatch('/header', ip(header('x-ip'), '10.0.0.0/8'))}
        ${onMatch('/server', exact(network('ServerNameInput'), ''))}
        ${route('/map', `matcher_tree: {input: ${header('x-user')}, exact_match_map: {map: {a: ${action('a')}, b: ${action('b', 'DENY')}, c: ${action('c', 'LOG')}}}}`)}
        ${route('/prefix', `matcher_tree: {input: ${header(':path')}, prefix_match_map: {map: {/prefix/: ${action('in')}, /prefix/no: ${action('out', 'DENY')}}}}, on_no_match: ${action('rest', 'LOG')}`)}
        ${route('/ranges', `matcher_tree: {input: ${network('SourceIPInput')}, ${ranges(['10.0.0.0/8', action('ten')], ['10.1.0.0/16', empty], ['10.2.0.0/16', action('narrow'), ', exclusive: true'], ['10.2.2.0/24', empty], ['10.3.3.3/32', action('one', 'DENY')])}}, on_no_match: ${action('rest')}`)}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'nested predicates',
          send: ['GET /', get('/', ['x-user', 'root']), { method: 'POST', path: '/', headers: [['x-user', 'root']], body: '' }],
        },
        {
          name: 'source address',
          send: [
            get('/ip', ['x-forwarded-for', '1.2.3.4']),
            get('/ip', ['x-forwarded-for', 'fc00::9']),
            get('/ip', ['x-forwarded-for', '1.2.4.4']),
          ],
        },
        { name: 'addresses of the connection', send: ['GET /direct', 'GET /port', 'GET /destination'] },
        { name: 'an address in a header', send: [get('/header', ['x-ip', '10.9.9.9']), get('/header', ['x-ip', 'ten']), 'GET /header'] },
        { name: 'no server name', send: 'GET /server' },
        { name: 'a map', send: ['a', 'b', 'c', 'd'].map((user) => get('/map', ['x-user', user])) },
        { name: 'a map that misses', send: 'GET /map' },
        { name: 'prefixes', send: ['GET /prefix/yes', 'GET /prefix/no', 'GET /prefix'] },
        {
          name: 'ranges',
          send: ['10.9.9.9', '10.1.1.1', '10.2.2.2', '10.2.3.3', '10.3.3.3', '10.3.3.4', '11.1.1.1'].map((from) =>
            get('/ranges', ['x-forwarded-for', from]),
          ),
        },
      ],
    },
    {
      name: 'TCP, let in',
      networkFilters: `
        - name: rbac
          typed_config:
            "@type": ${TYPE}/envoy.extensions.filters.network.rbac.v3.RBAC
            stat_prefix: t
            matcher: {${list([ip(network('SourceIPInput'), '127.0.0.0/8'), action('loopback')])}, on_no_match: ${action('rest', 'DENY')}}
            shadow_matcher: {${list([exact(network('DestinationPortInput'), '1'), action('never')])}}
        - {name: echo, typed_config: {"@type": ${TYPE}/envoy.extensions.filters.network.echo.v3.Echo}}
      `,
      cases: [{ name: 'a word', tcp: true, send: { raw: 'hello', payload: 5 } }],
    },
    {
      name: 'TCP, kept out',
      networkFilters: `
        - name: rbac
          typed_config:
            "@type": ${TYPE}/envoy.extensions.filters.network.rbac.v3.RBAC
            stat_prefix: t
            matcher: {${list([exact(network('DestinationPortInput'), '1'), action('far')])}}
        - {name: echo, typed_config: {"@type": ${TYPE}/envoy.extensions.filters.network.echo.v3.Echo}}
      `,
      cases: [{ name: 'a word', tcp: true, send: { raw: 'hello', responses: 0 }, closes: true }],
    },
  ],
};
