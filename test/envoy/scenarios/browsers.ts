import { type Area, get, type Request, reply } from '../harness/scenario.ts';

const CORS = 'type.googleapis.com/envoy.extensions.filters.http.cors.v3';
const CSRF = 'type.googleapis.com/envoy.extensions.filters.http.csrf.v3.CsrfPolicy';
const policy = (fields: string) => `typed_per_filter_config: {envoy.filters.http.cors: {"@type": ${CORS}.CorsPolicy, ${fields}}}`;
const csrf = (fields: string) => `typed_per_filter_config: {envoy.filters.http.csrf: {"@type": ${CSRF}, ${fields}}}`;
const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%';
const ALL = 'default_value: {numerator: 100}';
const NONE = 'default_value: {numerator: 0}';
const ORIGINS = 'allow_origin_string_match: [{exact: "https://good.test"}, {safe_regex: {regex: "https://.*\\\\.good\\\\.test"}}]';

const preflight = (path: string, origin: string, ...headers: readonly (readonly [string, string])[]): Request => ({
  method: 'OPTIONS',
  path,
  headers: [['origin', origin], ['access-control-request-method', 'PUT'], ...headers],
});
const post = (...headers: readonly (readonly [string, string])[]): Request => ({ method: 'POST', path: '/x', headers, body: 'data' });

/** What pages of other origins may do. */
export const browsers: Area = {
  name: 'browsers',
  configurations: [
    {
      name: 'cors',
      virtualHosts: `
        - name: v
          domains: ["*"]
          ${policy(`${ORIGINS}, allow_methods: "GET,POST", expose_headers: "x-host", max_age: "60"`)}
          routes:
          - {match: {prefix: /full}, route: {cluster: a}, ${policy(`${ORIGINS}, allow_methods: "GET,PUT", allow_headers: "x-a, x-b", expose_headers: "x-c", max_age: "100", allow_credentials: true, allow_private_network_access: true`)}}
          - {match: {prefix: /star}, route: {cluster: a}, ${policy('allow_origin_string_match: [{exact: "*"}], allow_methods: "*", allow_headers: "*", allow_credentials: true')}}
          - {match: {prefix: /closed}, route: {cluster: a}, ${policy('allow_origin_string_match: [{exact: "https://other.test"}], forward_not_matching_preflights: false')}}
          - {match: {prefix: /off}, route: {cluster: a}, ${policy(`filter_enabled: {${NONE}}`)}}
          - {match: {prefix: /shadow}, route: {cluster: a}, ${policy(`filter_enabled: {${NONE}}, shadow_enabled: {${ALL}}`)}}
          - {match: {prefix: /half}, route: {cluster: a}, ${policy('allow_headers: "x-half"')}}
          - {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: hi}}}
          - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: `[{name: envoy.filters.http.cors, typed_config: {"@type": ${CORS}.Cors}}]`,
      logFormat: LOG,
      cases: [
        { name: 'no origin', send: ['GET /full', { method: 'OPTIONS', path: '/full' }] },
        { name: 'a simple request', send: [get('/full', ['origin', 'https://good.test']), get('/', ['origin', 'https://a.good.test'])] },
        { name: 'another origin', send: get('/full', ['origin', 'https://evil.test']) },
        { name: 'preflight', send: preflight('/full', 'https://good.test', ['access-control-request-headers', 'x-a']) },
        { name: 'preflight of the virtual host', send: preflight('/', 'https://good.test') },
        { name: 'fields of both levels', send: [preflight('/half', 'https://good.test'), get('/half', ['origin', 'https://good.test'])] },
        { name: 'preflight of another origin', send: preflight('/full', 'https://evil.test') },
        { name: 'preflight of another origin, kept from the upstream', send: preflight('/closed', 'https://evil.test') },
        { name: 'OPTIONS that is no preflight', send: { method: 'OPTIONS', path: '/full', headers: [['origin', 'https://good.test']] } },
        { name: 'private network', send: preflight('/full', 'https://good.test', ['access-control-request-private-network', 'true']) },
        {
          name: 'everything',
          send: [
            get('/star', ['origin', 'https://any.test']),
            preflight('/star', 'https://any.test', ['access-control-request-headers', 'x-one, x-two']),
            preflight('/star', 'https://any.test'),
          ],
        },
        { name: 'off', send: [get('/off', ['origin', 'https://good.test']), preflight('/off', 'https://good.test')] },
        { name: 'in shadow', send: [preflight('/shadow', 'https://good.test'), get('/shadow', ['origin', 'https://evil.test'])] },
        { name: 'a direct response', send: get('/direct', ['origin', 'https://good.test']) },
        {
          name: 'over what the upstream says',
          send: get('/full', ['origin', 'https://good.test']),
          upstream: {
            a: [
              reply({
                headers: [
                  ['access-control-allow-origin', '*'],
                  ['access-control-expose-headers', 'x-up'],
                ],
              }),
            ],
          },
        },
        { name: 'an empty origin', send: get('/full', ['origin', '']) },
      ],
    },
    {
      name: 'csrf',
      routes: `
        - {match: {path: /own}, route: {cluster: a}, ${csrf(`filter_enabled: {${ALL}}, additional_origins: [{suffix: partner.test}]`)}}
        - {match: {path: /off}, route: {cluster: a}, ${csrf(`filter_enabled: {${NONE}}`)}}
        - {match: {path: /shadow}, route: {cluster: a}, ${csrf(`filter_enabled: {${NONE}}, shadow_enabled: {${ALL}}`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: `[{name: envoy.filters.http.csrf, typed_config: {"@type": ${CSRF}, filter_enabled: {${ALL}}, additional_origins: [{exact: "trusted.test"}, {safe_regex: {regex: "t[0-9].test:[0-9]+"}}]}}]`,
      logFormat: LOG,
      cases: [
        { name: 'a method that changes nothing', send: get('/', ['origin', 'https://evil.test']) },
        { name: 'the same origin', send: post(['origin', 'http://example.test']) },
        { name: 'the same host over TLS', send: post(['origin', 'https://example.test']) },
        { name: 'another port', send: post(['origin', 'http://example.test:8080']) },
        { name: 'the usual port', send: post(['origin', 'http://example.test:80']) },
        { name: 'another origin', send: post(['origin', 'https://evil.test']) },
        { name: 'a trusted origin', send: post(['origin', 'https://trusted.test']) },
        { name: 'a trusted pattern', send: post(['origin', 'https://t1.test:44']) },
        { name: 'no origin', send: post() },
        { name: 'the referer', send: post(['referer', 'http://example.test/page?x=1']) },
        { name: 'the referer of another', send: post(['referer', 'http://evil.test/example.test']) },
        { name: 'a null origin, and the referer', send: post(['origin', 'null'], ['referer', 'http://example.test/page']) },
        { name: 'a null origin', send: post(['origin', 'null']) },
        { name: 'an origin with a query', send: post(['origin', 'http://example.test?x']) },
        { name: 'a file', send: post(['origin', 'file://']) },
        {
          name: 'other schemes',
          send: [post(['origin', 'ftp://example.test']), post(['origin', 'HTTP://example.test']), post(['origin', 'example.test'])],
        },
        { name: 'a user', send: post(['origin', 'http://me@example.test']) },
        { name: 'in capitals', send: post(['origin', 'http://EXAMPLE.test']) },
        { name: 'no host', send: post(['origin', 'https://'], ['referer', 'http://example.test/']) },
        { name: 'other methods', send: ['PUT', 'DELETE', 'PATCH', 'OPTIONS'].map((method) => ({ method, path: '/', body: '' })) },
        { name: 'by the route', send: { method: 'POST', path: '/own', headers: [['origin', 'https://a.partner.test']], body: '' } },
        { name: 'replaced by the route', send: { method: 'POST', path: '/own', headers: [['origin', 'https://trusted.test']], body: '' } },
        { name: 'off', send: { method: 'POST', path: '/off', body: '' } },
        {
          name: 'in shadow',
          send: [
            { method: 'POST', path: '/shadow', body: '' },
            { method: 'POST', path: '/shadow', headers: [['origin', 'https://evil.test']], body: '' },
          ],
        },
      ],
    },
  ],
};
