import { type Area, type Configuration, reply } from '../harness/scenario.ts';

/** One host a subset, so that it is certain who gets a request. Hosts by letter with their `envoy.lb` metadata. */
function hosts(metadata: Record<string, string>, more: Record<string, string> = {}): string {
  const endpoints = Object.entries(metadata).map(
    ([name, fields]) =>
      `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${name}}}}}}, metadata: {filter_metadata: {envoy.lb: ${fields}}}${more[name] ?? ''}}`,
  );
  return `endpoints: [{lb_endpoints: [${endpoints.join(', ')}]}]`;
}

/** Envoy makes each balancer on its main thread, too, and counts its subsets there once more. */
const PER_THREAD = /\.lb_subsets_(active|created|removed)$/;

const route = (path: string, match: string | null, cluster = 's') =>
  `- {match: {path: ${path}}, route: {cluster: ${cluster}${match === null ? '' : `, metadata_match: {filter_metadata: {envoy.lb: ${match}}}`}}}`;

const THREE = { a: '{version: "1", stage: prod}', b: '{version: "2", stage: prod}', c: '{version: "3", stage: dev}' };
const UPSTREAMS = { a: 'http', b: 'http', c: 'http' } as const;

const PREVIOUS_HOSTS =
  "{name: previous_hosts, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}";

const weighted = (path: string, more: string) => `- match: {path: ${path}}
  route:
    metadata_match: {filter_metadata: {envoy.lb: {stage: prod, version: "1"}}}
    weighted_clusters: {clusters: [{name: p, weight: 1${more}}]}`;

interface SubsetCase {
  readonly name: string;
  readonly subset: string;
  /** Path → match. */
  readonly routes: Readonly<Record<string, string | null>>;
  readonly hosts?: string;
  readonly cluster?: string;
}

/** All in one configuration: a cluster each. */
function configuration(cases: readonly SubsetCase[]): Configuration {
  const named = cases.map((one, i) => ({ ...one, cluster: `s${i}`, more: one.cluster ?? '' }));
  const path = (cluster: string, own: string) => `/${cluster}${own}`;
  return {
    name: 'subsets',
    upstreams: UPSTREAMS,
    clusters: named
      .map(
        ({ cluster, subset: config, hosts: assignment, more }) => `
- name: ${cluster}
  load_assignment: {cluster_name: ${cluster}, ${assignment ?? hosts(THREE)}}
  lb_subset_config: ${config.replaceAll('\n', ' ')}
  ${more}
`,
      )
      .join(''),
    routes: named
      .flatMap(({ cluster, routes }) => Object.entries(routes).map(([own, match]) => route(path(cluster, own), match, cluster)))
      .join('\n'),
    ignoreStats: PER_THREAD,
    cases: named.flatMap(({ name, cluster, routes }) => [
      ...Object.entries(routes).map(([own, match]) => ({ name: `${name}: ${match ?? 'no metadata'}`, send: `GET ${path(cluster, own)}` })),
      {
        name: `${name}: counted`,
        admin: 'GET /stats',
        adminLines: new RegExp(`^cluster\\.${cluster}\\.(lb_subsets_[fs]|lb_healthy|upstream_cx_none|upstream_rq_total)`),
      },
    ]),
  };
}

const A = '{version: "1"}';
const B = '{version: "2"}';
const NOBODY = '{version: "9"}';
const OTHER_KEY = '{color: red}';

/** Subset balancing: who is asked, and what is counted. */
export const subset: Area = {
  name: 'subset',
  configurations: [
    configuration([
      {
        name: 'no fallback',
        subset: '{subset_selectors: [{keys: [version]}, {keys: [stage, version]}]}',
        routes: {
          '/a': A,
          '/b': B,
          '/nobody': NOBODY,
          '/other': OTHER_KEY,
          '/none': null,
          '/two': '{version: "2", stage: prod}',
          '/crossed': '{version: "2", stage: dev}',
          '/prefix': '{stage: prod}',
          '/number': '{version: 1}',
          '/empty': '{}',
        },
      },
      {
        name: 'the default subset',
        subset: '{fallback_policy: DEFAULT_SUBSET, default_subset: {stage: dev}, subset_selectors: [{keys: [version]}]}',
        routes: { '/a': A, '/nobody': NOBODY, '/other': OTHER_KEY, '/none': null },
      },
      {
        name: 'a default subset that nobody is in',
        subset: '{fallback_policy: DEFAULT_SUBSET, default_subset: {stage: test}, subset_selectors: [{keys: [version]}]}',
        routes: { '/a': A, '/nobody': NOBODY },
      },
      {
        name: 'a default subset that nobody is in, in panic any',
        subset:
          '{fallback_policy: DEFAULT_SUBSET, default_subset: {stage: test}, panic_mode_any: true, subset_selectors: [{keys: [version]}]}',
        hosts: hosts({ a: '{version: "1"}' }),
        routes: { '/a': A, '/nobody': NOBODY, '/none': null },
      },
      {
        name: 'any endpoint',
        subset: '{fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [version]}]}',
        hosts: hosts({ a: '{version: "1"}' }),
        routes: { '/a': A, '/nobody': NOBODY, '/none': null },
      },
      {
        name: 'fallbacks of selectors',
        subset: `{fallback_policy: DEFAULT_SUBSET, default_subset: {stage: dev}, subset_selectors: [
        {keys: [version], fallback_policy: NO_FALLBACK},
        {keys: [stage]},
        {keys: [stage, version], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [version]},
        {keys: [color], fallback_policy: DEFAULT_SUBSET},
        {keys: [color, version], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [color]}]}`,
        routes: {
          '/nobody': NOBODY,
          '/stage': '{stage: test}',
          '/two': '{stage: dev, version: "2"}',
          '/twonobody': '{stage: dev, version: "9"}',
          '/color': OTHER_KEY,
          '/colored': '{color: red, version: "2"}',
          '/unknown': '{unknown: x}',
        },
      },
      {
        name: 'any endpoint of a selector',
        subset: '{subset_selectors: [{keys: [version], fallback_policy: ANY_ENDPOINT}, {keys: [stage]}]}',
        hosts: hosts({ a: '{version: "1", stage: prod}' }),
        routes: { '/nobody': NOBODY, '/stage': '{stage: dev}', '/none': null },
      },
      {
        name: 'the longer selector first hides the fallback of the shorter',
        subset: `{subset_selectors: [
        {keys: [stage, version], fallback_policy: ANY_ENDPOINT},
        {keys: [stage], fallback_policy: ANY_ENDPOINT}]}`,
        hosts: hosts({ a: '{version: "1", stage: prod}' }),
        routes: { '/two': '{stage: dev, version: "2"}', '/one': '{stage: dev}' },
      },
      {
        name: 'values of every kind',
        subset: '{subset_selectors: [{keys: [v]}]}',
        hosts: hosts({ a: '{v: 1}', b: '{v: true}', c: '{v: {x: 1, y: [2]}}' }),
        routes: {
          '/number': '{v: 1.0}',
          '/text': '{v: "1"}',
          '/bool': '{v: true}',
          '/struct': '{v: {y: [2], x: 1}}',
          '/other-struct': '{v: {y: [2], x: 2}}',
          '/null': '{v: null}',
        },
      },
      {
        name: 'lists as any of their values',
        subset:
          '{list_as_any: true, subset_selectors: [{keys: [v]}, {keys: [s, v]}], fallback_policy: DEFAULT_SUBSET, default_subset: {v: z}}',
        hosts: hosts({ a: '{v: [x, y], s: [p, q]}', b: '{v: z, s: p}' }),
        routes: {
          '/x': '{v: x}',
          '/y': '{v: y}',
          '/list': '{v: [x, y]}',
          '/xq': '{v: x, s: q}',
          '/zq': '{v: z, s: q}',
          '/zp': '{v: z, s: p}',
        },
      },
      {
        name: 'lists as they are',
        subset: '{subset_selectors: [{keys: [v]}]}',
        hosts: hosts({ a: '{v: [x, y]}', b: '{v: z}' }),
        routes: { '/x': '{v: x}', '/list': '{v: [x, y]}', '/turned': '{v: [y, x]}' },
      },
      {
        name: 'a list of other metadata to try',
        subset: '{metadata_fallback_policy: FALLBACK_LIST, subset_selectors: [{keys: [version]}, {keys: [stage, version]}]}',
        routes: {
          '/first': '{version: "1", fallback_list: [{version: "2"}, {version: "3"}]}',
          '/second': '{version: "1", fallback_list: [{version: "9"}, {version: "3"}]}',
          '/merged': '{stage: prod, fallback_list: [{version: "3"}, {version: "2"}]}',
          '/none': '{version: "1", fallback_list: [{version: "8"}, {version: "9"}]}',
          '/empty': '{version: "1", fallback_list: []}',
          '/plain': '{version: "1"}',
        },
      },
      {
        name: 'no such list where it is not asked for',
        subset: '{subset_selectors: [{keys: [version]}]}',
        routes: { '/a': '{version: "1", fallback_list: [{version: "2"}]}' },
      },
      {
        name: 'one host a subset',
        subset: '{subset_selectors: [{keys: [version], single_host_per_subset: true}]}',
        hosts: hosts({ a: '{version: "1"}', b: '{version: "1"}', c: '{version: "3"}' }, { c: ', health_status: UNHEALTHY' }),
        routes: { '/a': A, '/unhealthy': '{version: "3"}', '/nobody': NOBODY },
      },
      {
        name: 'an unhealthy subset is in panic',
        subset: '{fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [version]}]}',
        hosts: hosts(THREE, { b: ', health_status: UNHEALTHY' }),
        routes: { '/a': A, '/b': B },
      },
      {
        name: 'an unhealthy subset without panic',
        subset: '{fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [version]}]}',
        hosts: hosts(THREE, { b: ', health_status: UNHEALTHY' }),
        cluster: 'common_lb_config: {healthy_panic_threshold: {value: 0}}',
        routes: { '/a': A, '/b': B },
      },
      {
        name: 'other policies inside',
        subset: '{subset_selectors: [{keys: [version]}]}',
        cluster: 'lb_policy: LEAST_REQUEST',
        routes: { '/a': A, '/b': B, '/nobody': NOBODY },
      },
    ]),
    {
      name: 'a typed policy, weights, retries',
      upstreams: UPSTREAMS,
      ignoreStats: PER_THREAD,
      clusters: `
      - name: s
        load_assignment: {cluster_name: s, ${hosts(THREE)}}
        load_balancing_policy:
          policies:
          - typed_extension_config:
              name: envoy.load_balancing_policies.subset
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.load_balancing_policies.subset.v3.Subset
                allow_redundant_keys: true
                subset_selectors: [{keys: [version]}, {keys: [stage, version]}, {keys: [stage]}]
                subset_lb_policy:
                  policies:
                  - typed_extension_config:
                      name: envoy.load_balancing_policies.random
                      typed_config: {'@type': type.googleapis.com/envoy.extensions.load_balancing_policies.random.v3.Random}
      - name: p
        load_assignment: {cluster_name: p, ${hosts(THREE)}}
        lb_subset_config: {subset_selectors: [{keys: [stage, version]}]}
      `,
      routes: [
        route('/one', '{version: "1", x: y}'),
        route('/both', '{version: "2", stage: prod, x: y}'),
        route('/crossed', '{version: "2", stage: dev, x: y}'),
        route('/stage', '{stage: dev, x: y}'),
        route('/nothing', '{x: y}'),
        weighted('/weighted', ', metadata_match: {filter_metadata: {envoy.lb: {version: "2"}}}'),
        weighted('/inherited', ''),
        `- match: {prefix: /retried}
  route:
    cluster: p
    metadata_match: {filter_metadata: {envoy.lb: {version: "2", stage: prod}}}
    retry_policy: {retry_on: 5xx, num_retries: 1, host_selection_retry_max_attempts: 3, retry_host_predicate: [${PREVIOUS_HOSTS}]}`,
      ].join('\n'),
      cases: [
        { name: 'the selector with most keys wins', send: ['GET /one', 'GET /both', 'GET /crossed', 'GET /stage', 'GET /nothing'] },
        { name: 'counted', admin: 'GET /stats', adminLines: /^cluster\.s\.lb_subsets_[fs]/ },
        { name: 'metadata of a weighted cluster over that of its route', send: ['GET /weighted', 'GET /inherited'] },
        {
          name: 'a retry stays in the subset',
          send: 'GET /retried',
          upstream: { b: [reply({ status: '503 Service Unavailable' }), reply({ body: 'ok' })] },
        },
      ],
    },
  ],
};
