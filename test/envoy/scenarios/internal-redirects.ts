import { type Area, get, reply } from '../harness/scenario.ts';

const to = (path: string, scheme = 'http') =>
  reply({ status: '302 Found', headers: [['location', `${scheme}://example.test${path}`]], body: 'moved' });
const OK = reply({ body: 'ok' });
const TYPE = 'type.googleapis.com/envoy.extensions.internal_redirect';
const PREVIOUS = `{name: p, typed_config: {"@type": ${TYPE}.previous_routes.v3.PreviousRoutesConfig}}`;
const SAFE = `{name: s, typed_config: {"@type": ${TYPE}.safe_cross_scheme.v3.SafeCrossSchemeConfig}}`;
const allowed = (names: string) =>
  `{name: a, typed_config: {"@type": ${TYPE}.allow_listed_routes.v3.AllowListedRoutesConfig, allowed_route_names: [${names}]}}`;
const routes = (predicates: string, more = '') =>
  ['one', 'two', 'three']
    .map(
      (name) =>
        `- {name: ${name}, match: {prefix: /${name}}, route: {cluster: a, internal_redirect_policy: {max_internal_redirects: 5, predicates: [${predicates}]${more}}}}`,
    )
    .join('\n');
const ANY_SCHEME = ', allow_cross_scheme_redirect: true';

/** Predicates of internal_redirect_policy. */
export const internalRedirects: Area = {
  name: 'internal-redirects',
  configurations: [
    {
      name: 'previous routes',
      routes: routes(PREVIOUS),
      cases: [
        { name: 'to another route', send: 'GET /one', upstream: { a: [to('/two'), OK] } },
        { name: 'there, back and there again', send: 'GET /one', upstream: { a: [to('/two'), to('/one'), to('/two'), OK] } },
        { name: 'to itself', send: 'GET /one', upstream: { a: [to('/one/1'), to('/one/2'), OK] } },
        { name: 'a ring of three', send: 'GET /one', upstream: { a: [to('/two'), to('/three'), to('/one'), to('/two'), OK] } },
        { name: 'nowhere', send: 'GET /one', upstream: { a: [to('/else')] } },
      ],
    },
    {
      name: 'allowed routes',
      routes: routes(allowed('two')),
      cases: [
        { name: 'allowed', send: 'GET /one', upstream: { a: [to('/two'), OK] } },
        { name: 'not allowed', send: 'GET /one', upstream: { a: [to('/three')] } },
        { name: 'not allowed from there', send: get('/one', ['x-a', '1']), upstream: { a: [to('/two'), to('/three')] } },
      ],
    },
    {
      name: 'safe schemes',
      routes: routes(SAFE, ANY_SCHEME),
      cases: [
        { name: 'http to http', send: 'GET /one', upstream: { a: [to('/two'), OK] } },
        { name: 'http to https', send: 'GET /one', upstream: { a: [to('/two', 'https')] } },
      ],
    },
    {
      name: 'all of them have to agree',
      routes: routes(`${allowed('two, three')}, ${PREVIOUS}, ${SAFE}`, ANY_SCHEME),
      cases: [
        { name: 'they do', send: 'GET /one', upstream: { a: [to('/two'), to('/three'), OK] } },
        { name: 'one does not', send: 'GET /one', upstream: { a: [to('/two', 'https')] } },
        { name: 'another does not', send: 'GET /two', upstream: { a: [to('/one')] } },
      ],
    },
  ],
};
