import { type Area, get } from '../harness/scenario.ts';

const HTTP = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3';
const LOG =
  '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(envoy.filters.http.rbac)% %DYNAMIC_METADATA(envoy.common)%';
const http = (fields: string) => `[{name: envoy.filters.http.rbac, typed_config: {"@type": ${HTTP}.RBAC, ${fields}}}]`;
const perRoute = (fields: string) => `typed_per_filter_config: {envoy.filters.http.rbac: {"@type": ${HTTP}.RBACPerRoute, ${fields}}}`;
const ANY = '[{any: true}]';
const allow = (policies: string) => `rules: {action: ALLOW, policies: {${policies}}}`;
/** Allowed by one permission, for everyone. */
const permit = (prefix: string, permission: string) =>
  `- {match: {prefix: ${prefix}}, route: {cluster: a}, ${perRoute(`rbac: {${allow(`p: {permissions: [${permission}], principals: ${ANY}}`)}}`)}}`;
const admit = (prefix: string, principal: string, action = 'ALLOW') =>
  `- {match: {prefix: ${prefix}}, metadata: {filter_metadata: {ns: {k: v}}}, route: {cluster: a}, ${perRoute(`rbac: {rules: {action: ${action}, policies: {p: {permissions: ${ANY}, principals: [${principal}]}}}}`)}}`;

/** Rules about who may do what. */
export const rbac: Area = {
  name: 'rbac',
  configurations: [
    {
      name: 'HTTP',
      routes: `
        ${permit('/path', '{url_path: {path: {exact: /path/a}}}')}
        ${permit('/header', '{header: {name: x-role, string_match: {exact: boss}}}')}
        ${permit('/pseudo', '{header: {name: ":path", string_match: {prefix: "/pseudo?a"}}}')}
        ${permit('/and', '{and_rules: {rules: [{header: {name: x-a, present_match: true}}, {not_rule: {header: {name: x-b, present_match: true}}}]}}')}
        ${permit('/or', '{or_rules: {rules: [{header: {name: x-a, present_match: true}}, {header: {name: x-b, present_match: true}}]}}')}
        ${permit('/ip', '{destination_ip: {address_prefix: 127.0.0.0, prefix_len: 8}}')}
        ${permit('/otherip', '{destination_ip: {address_prefix: 10.0.0.0, prefix_len: 8}}')}
        ${permit('/port', '{destination_port: {{listener}}}')}
        ${permit('/otherport', '{destination_port: 1}')}
        ${permit('/range', '{destination_port_range: {start: 1024, end: 65535}}')}
        ${permit('/server', '{requested_server_name: {exact: ""}}')}
        ${admit('/direct', '{direct_remote_ip: {address_prefix: 127.0.0.1, prefix_len: 32}}')}
        ${admit('/source', '{source_ip: {address_prefix: 127.0.0.1, prefix_len: 32}}')}
        ${admit('/remote', '{remote_ip: {address_prefix: 1.2.3.4, prefix_len: 32}}')}
        ${admit('/deny', '{remote_ip: {address_prefix: 1.2.3.4, prefix_len: 32}}', 'DENY')}
        ${admit('/log', '{header: {name: x-a, present_match: true}}', 'LOG')}
        ${admit('/sourced', '{sourced_metadata: {metadata_source: ROUTE, metadata_matcher: {filter: ns, path: [{key: k}], value: {string_match: {exact: v}}}}}')}
        ${admit('/dynamic', '{metadata: {filter: ns, path: [{key: k}], value: {string_match: {exact: v}}}}')}
        ${admit('/nots', '{and_ids: {ids: [{not_id: {header: {name: x-a, present_match: true}}}, {or_ids: {ids: [{any: true}]}}]}}')}
        - {match: {prefix: /free}, route: {cluster: a}, ${perRoute('')}}
        - {match: {prefix: /norules}, route: {cluster: a}, ${perRoute('rbac: {}')}}
        - {match: {prefix: /empty}, route: {cluster: a}, ${perRoute('rbac: {rules: {action: ALLOW}}')}}
        - {match: {prefix: /none}, route: {cluster: a}, ${perRoute('rbac: {rules: {action: DENY}}')}}
        - {match: {prefix: /shadow}, route: {cluster: a}, ${perRoute(`rbac: {shadow_rules_stat_prefix: s_, shadow_rules: {action: DENY, policies: {b: {permissions: ${ANY}, principals: [{header: {name: x-a, present_match: true}}]}}}}`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      hcm: 'use_remote_address: false',
      filters: http(
        `rules: {action: DENY, policies: {"b two": {permissions: ${ANY}, principals: [{header: {name: x-bad, present_match: true}}]}, a: {permissions: ${ANY}, principals: [{header: {name: x-bad, string_match: {exact: very}}}]}}}, shadow_rules: {action: ALLOW, policies: {g: {permissions: [{header: {name: ":method", string_match: {exact: GET}}}], principals: ${ANY}}}}`,
      ),
      logFormat: LOG,
      cases: [
        { name: 'denied by the first policy of its name', send: [get('/', ['x-bad', 'very']), get('/', ['x-bad', 'a bit']), 'GET /'] },
        { name: 'in shadow', send: [{ method: 'POST', path: '/', body: '' }, 'GET /'] },
        { name: 'path', send: ['GET /path/a', 'GET /path/a?q=1', 'GET /path/b'] },
        { name: 'header', send: [get('/header', ['x-role', 'boss']), get('/header', ['x-role', 'clerk']), 'GET /header'] },
        { name: 'pseudo header', send: ['GET /pseudo?a=1', 'GET /pseudo?b=1'] },
        { name: 'and, not', send: [get('/and', ['x-a', '1']), get('/and', ['x-a', '1'], ['x-b', '1']), 'GET /and'] },
        { name: 'or', send: [get('/or', ['x-b', '1']), 'GET /or'] },
        { name: 'destination', send: ['GET /ip', 'GET /otherip', 'GET /port', 'GET /otherport', 'GET /range'] },
        { name: 'server name', send: 'GET /server' },
        { name: 'addresses', send: ['GET /direct', 'GET /source', get('/remote', ['x-forwarded-for', '1.2.3.4']), 'GET /remote'] },
        { name: 'deny by address', send: [get('/deny', ['x-forwarded-for', '1.2.3.4']), 'GET /deny'] },
        { name: 'log', send: [get('/log', ['x-a', '1']), 'GET /log'] },
        { name: 'metadata', send: ['GET /sourced', 'GET /dynamic'] },
        { name: 'not, or', send: ['GET /nots', get('/nots', ['x-a', '1'])] },
        { name: 'no rules', send: ['GET /free', 'GET /norules', 'GET /empty', 'GET /none'] },
        { name: 'shadow of a route', send: [get('/shadow', ['x-a', '1']), 'GET /shadow'] },
        { name: 'gRPC', send: { method: 'POST', path: '/empty', headers: [['content-type', 'application/grpc']], body: '' } },
      ],
    },
    {
      name: 'prefixes',
      routes: '[{match: {prefix: /}, route: {cluster: a}}]',
      filters: http(
        `rules_stat_prefix: r., shadow_rules_stat_prefix: w, rules: {action: LOG, policies: {l: {permissions: ${ANY}, principals: [{header: {name: x-a, present_match: true}}]}}}, shadow_rules: {action: LOG, policies: {l: {permissions: ${ANY}, principals: [{header: {name: x-a, present_match: true}}]}}}`,
      ),
      logFormat: LOG,
      cases: [{ name: 'of names', send: [get('/', ['x-a', '1']), 'GET /'] }],
    },
    ...(['127.0.0.0', '10.0.0.0'] as const).map((address) => ({
      name: `connections of ${address}`,
      networkFilters: `[{name: envoy.filters.network.rbac, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, stat_prefix: tcp., shadow_rules_stat_prefix: w_, rules: {action: DENY, policies: {"p q": {permissions: ${ANY}, principals: [{direct_remote_ip: {address_prefix: ${address}, prefix_len: 8}}]}}}, shadow_rules: {action: ALLOW, policies: {s: {permissions: [{destination_port: 1}], principals: ${ANY}}}}}}, {name: envoy.filters.network.echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]`,
      cases: [
        address === '10.0.0.0'
          ? {
              name: 'pass',
              tcp: true,
              send: [
                { raw: 'ab', payload: 2 },
                { raw: 'cd', payload: 2 },
              ],
            }
          : { name: 'are closed with their first bytes', tcp: true, send: { raw: 'ab', responses: 0 }, closes: true },
      ],
    })),
  ],
};
