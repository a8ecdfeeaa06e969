import { type Area, type Case, type Configuration, reply } from '../harness/scenario.ts';

const UPSTREAMS = { a: 'http', b: 'http', c: 'http', d: 'http' } as const;

interface Place {
  readonly zone?: string;
  readonly weight?: number;
  readonly priority?: number;
  /** Upstreams; a host that is not healthy is named with its status: 'a UNHEALTHY'. */
  readonly hosts: readonly string[];
}

function endpoints(places: readonly Place[]): string {
  const localities = places.map(({ zone, weight, priority, hosts }) => {
    const list = hosts.map((text) => {
      const [name, status] = text.split(' ');
      const health = status === undefined ? '' : `, health_status: ${status}`;
      return `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${name}}}}}}${health}}`;
    });
    const fields = [
      zone === undefined ? '' : `locality: {region: r, zone: ${zone}}, `,
      weight === undefined ? '' : `load_balancing_weight: ${weight}, `,
      priority === undefined ? '' : `priority: ${priority}, `,
    ];
    return `{${fields.join('')}lb_endpoints: [${list.join(', ')}]}`;
  });
  return `endpoints: [${localities.join(', ')}]`;
}

interface Topology {
  readonly name: string;
  readonly places: readonly Place[];
  /** Further fields of the cluster. */
  readonly more?: string;
  readonly policy?: string;
  readonly times?: number;
}

const PREVIOUS_PRIORITIES =
  "{name: p, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: 1}}";

/** Envoy counts these once a thread, its main thread among them. */
const PER_THREAD = /\.lb_(recalculate_zone_structures|zone_cluster_too_small|local_cluster_not_ok)$/;

/** All in one configuration: a cluster each, `times` requests, then what was counted. */
function topologies(
  name: string,
  list: readonly Topology[],
  more: Partial<Configuration> = {},
  extra: readonly Case[] = [],
): Configuration {
  const named = list.map((one, i) => ({ ...one, cluster: `t${i}` }));
  return {
    ignoreStats: PER_THREAD,
    ...more,
    name,
    upstreams: UPSTREAMS,
    clusters: `${named
      .map(
        ({ cluster, places, more: fields, policy }) => `
- name: ${cluster}
  load_assignment: {cluster_name: ${cluster}, ${endpoints(places)}${policy === undefined ? '' : `, policy: ${policy}`}}
  ${fields ?? ''}
`,
      )
      .join('')}${more.clusters ?? ''}`,
    routes: `${named.map(({ cluster }) => `- {match: {path: /${cluster}}, route: {cluster: ${cluster}}}`).join('\n')}\n${more.routes ?? ''}`,
    cases: [
      ...named.flatMap(({ name: title, cluster, times = 1 }) => [
        { name: title, send: Array.from({ length: times }, () => `GET /${cluster}`) },
        {
          name: `${title}: counted`,
          admin: 'GET /stats',
          adminLines: new RegExp(`^cluster\\.${cluster}\\.(lb_(?!rec|subset|zone_cluster|local)|upstream_cx_none|membership)`),
        },
      ]),
      ...extra,
    ],
  };
}

const WEIGHTED = 'common_lb_config: {locality_weighted_lb_config: {}}';
const NO_PANIC = 'common_lb_config: {healthy_panic_threshold: {value: 0}}';

/** An aggregate's own cluster and its route. */
const aggregate = (name: string, clusters: string, more = '') => `
- name: ${name}
  lb_policy: CLUSTER_PROVIDED
  ${more}
  cluster_type:
    name: envoy.clusters.aggregate
    typed_config: {'@type': type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: ${clusters}}
`;

const child = (name: string, places: readonly Place[], more = '') => `
- name: ${name}
  load_assignment: {cluster_name: ${name}, ${endpoints(places)}}
  ${more}
`;

/** The local cluster of two proxies in zones x and y; this one is in x. Its own upstreams are never asked. */
const LOCAL = (places: readonly Place[]) => child('local', places);
const IN_ZONE_X = '{node: {locality: {region: r, zone: x}}, cluster_manager: {local_cluster_name: local}}';
const SMALL = 'common_lb_config: {zone_aware_lb_config: {min_cluster_size: 1}}';

/** Host selection by priority, panic, locality and zone; clusters made of others. Each case leaves one host to choose, so that chance has no part in it. */
export const topology: Area = {
  name: 'topology',
  configurations: [
    topologies(
      'priorities, panic, locality weights, aggregates',
      [
        { name: 'the first priority', places: [{ hosts: ['a'] }, { priority: 1, hosts: ['b'] }] },
        { name: 'the second when the first is down', places: [{ hosts: ['a UNHEALTHY'] }, { priority: 1, hosts: ['b'] }] },
        { name: 'degraded hosts last', places: [{ hosts: ['a DEGRADED'] }, { priority: 1, hosts: ['b'] }], times: 2 },
        { name: 'only degraded hosts', places: [{ hosts: ['a DEGRADED', 'b UNHEALTHY'] }] },
        { name: 'degraded before unhealthy of any priority', places: [{ hosts: ['a UNHEALTHY'] }, { priority: 1, hosts: ['b DEGRADED'] }] },
        { name: 'panic', places: [{ hosts: ['a UNHEALTHY'] }], times: 2 },
        {
          name: 'timeout and draining are unhealthy',
          places: [{ hosts: ['a TIMEOUT'] }, { priority: 1, hosts: ['b DRAINING'] }, { priority: 2, hosts: ['c'] }],
        },
        { name: 'no panic at threshold 0', places: [{ hosts: ['a UNHEALTHY'] }], more: NO_PANIC },
        {
          name: 'panic at the second priority only',
          places: [{ hosts: ['a UNHEALTHY'] }, { priority: 1, hosts: ['b', 'c UNHEALTHY', 'd UNHEALTHY'] }],
          more: 'common_lb_config: {healthy_panic_threshold: {value: 20}}',
        },
        {
          name: 'in panic traffic fails if so told',
          places: [{ hosts: ['a UNHEALTHY'] }],
          more: 'common_lb_config: {zone_aware_lb_config: {fail_traffic_on_panic: true}}',
        },
        {
          name: 'all requests refused for overload',
          places: [{ hosts: ['a'] }],
          policy: '{drop_overloads: [{category: x, drop_percentage: {numerator: 100}}]}',
        },
        { name: 'none refused', places: [{ hosts: ['a'] }], policy: '{drop_overloads: [{category: x, drop_percentage: {numerator: 0}}]}' },
        { name: 'no hosts', places: [] },
        { name: 'an empty first priority', places: [{ hosts: [] }, { priority: 1, hosts: ['b'] }] },
        {
          name: 'an overprovisioning factor that leaves nothing to the second priority',
          places: [{ hosts: ['a', 'b UNHEALTHY'] }, { priority: 1, hosts: ['c'] }],
          policy: '{overprovisioning_factor: 200}',
        },
        {
          name: 'health by weight',
          places: [{ hosts: ['a', 'b UNHEALTHY'] }, { priority: 1, hosts: ['c'] }],
          policy: '{overprovisioning_factor: 200, weighted_priority_health: true}',
        },
        {
          name: 'a locality with all the weight',
          places: [
            { zone: 'x', weight: 1, hosts: ['a'] },
            { zone: 'y', hosts: ['b'] },
          ],
          more: WEIGHTED,
          times: 3,
        },
        { name: 'weights without anything to weigh', places: [{ zone: 'x', hosts: ['a'] }], more: WEIGHTED },
        {
          name: 'a locality that is down',
          places: [
            { zone: 'x', weight: 100, hosts: ['a UNHEALTHY'] },
            { zone: 'y', weight: 1, hosts: ['b', 'b'] },
          ],
          more: WEIGHTED,
          times: 3,
        },
        {
          name: 'a degraded locality',
          places: [
            { zone: 'x', weight: 1, hosts: ['a DEGRADED'] },
            { zone: 'y', hosts: ['b DEGRADED'] },
          ],
          more: WEIGHTED,
          times: 2,
        },
        {
          name: 'weights in panic',
          places: [{ zone: 'x', weight: 1, hosts: ['a UNHEALTHY'] }],
          more: WEIGHTED,
        },
        {
          name: 'localities of a typed policy',
          places: [
            { zone: 'x', weight: 5, hosts: ['a'] },
            { zone: 'y', hosts: ['b'] },
          ],
          more: `load_balancing_policy: {policies: [{typed_extension_config: {name: rr, typed_config: {'@type': type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin, locality_lb_config: {locality_weighted_lb_config: {}}}}}]}`,
          times: 3,
        },
        {
          name: 'locality weights inside a subset',
          places: [
            { zone: 'x', weight: 5, hosts: ['a'] },
            { zone: 'y', hosts: ['b'] },
          ],
          more: `common_lb_config: {locality_weighted_lb_config: {}}
  lb_subset_config: {fallback_policy: ANY_ENDPOINT, locality_weight_aware: true, subset_selectors: [{keys: [v]}]}`,
          times: 3,
        },
      ],
      {
        clusters: [
          child('first', [{ hosts: ['a'] }]),
          child('second', [{ hosts: ['b'] }]),
          child('down', [{ hosts: ['c UNHEALTHY'] }]),
          child('broken', [{ hosts: ['dead'] }]),
          child('empty', []),
          child('leveled', [{ hosts: ['c UNHEALTHY'] }, { priority: 1, hosts: ['d'] }]),
          aggregate('agg-first', '[first, second]'),
          aggregate('agg-second', '[down, second]'),
          aggregate('agg-empty', '[empty, missing, second]'),
          aggregate('agg-none', '[empty, missing]'),
          aggregate('agg-level', '[leveled, second]'),
          aggregate('agg-panic', '[down]'),
          aggregate('agg-nopanic', '[down]', NO_PANIC),
          aggregate('agg-degraded', '[degraded]'),
          child('degraded', [{ hosts: ['d DEGRADED'] }]),
          aggregate('agg-nested', '[agg-first, second]'),
          aggregate('agg-retry', '[first, second]'),
          aggregate('agg-broken', '[broken]'),
          aggregate('agg-alt', '[first]', 'alt_stat_name: other'),
        ].join(''),
        routes: ['first', 'second', 'empty', 'none', 'level', 'panic', 'nopanic', 'degraded', 'nested', 'broken', 'alt']
          .map((name) => `- {match: {path: /agg-${name}}, route: {cluster: agg-${name}}}`)
          .concat(
            `- {match: {path: /agg-elsewhere}, route: {cluster: agg-first, retry_policy: {retry_on: 5xx, num_retries: 2, retry_priority: ${PREVIOUS_PRIORITIES}}}}`,
          )
          .concat('- {match: {path: /agg-retry}, route: {cluster: agg-retry, retry_policy: {retry_on: 5xx, num_retries: 2}}}')
          .join('\n'),
      },
      [
        { name: 'an aggregate prefers its first cluster', send: ['GET /agg-first', 'GET /agg-first'] },
        { name: 'an aggregate whose first cluster is down', send: 'GET /agg-second' },
        { name: 'an aggregate with clusters that are empty or unknown', send: ['GET /agg-empty', 'GET /agg-none'] },
        { name: 'an aggregate over the priorities of its clusters', send: 'GET /agg-level' },
        { name: 'an aggregate in panic', send: ['GET /agg-panic', 'GET /agg-nopanic'] },
        { name: 'an aggregate with degraded hosts', send: 'GET /agg-degraded' },
        { name: 'an aggregate of aggregates', send: 'GET /agg-nested' },
        { name: 'an aggregate whose host refuses', send: 'GET /agg-broken' },
        { name: 'an aggregate with a name of its own in statistics', send: 'GET /agg-alt' },
        {
          name: 'an aggregate with retries',
          send: 'GET /agg-retry',
          upstream: {
            a: [reply({ status: '503 Service Unavailable' }), reply({ status: '500 Internal Server Error' }), reply({ body: 'ok' })],
          },
        },
        {
          name: 'an aggregate whose retries go to its other clusters',
          send: 'GET /agg-elsewhere',
          upstream: {
            a: [reply({ status: '503 Service Unavailable' }), reply({ body: 'third' })],
            b: [reply({ status: '500 Internal Server Error' })],
          },
        },
        { name: 'hosts of an aggregate', admin: 'GET /clusters', adminLines: /^agg-first::/ },
      ],
    ),
    topologies('requests dropped but for one in a million', [
      {
        name: 'refused',
        places: [{ hosts: ['a'] }],
        policy: '{drop_overloads: [{category: x, drop_percentage: {numerator: 999999, denominator: MILLION}}]}',
        times: 2,
      },
    ]),
    topologies('connections in advance, statistics of endpoints', [
      {
        name: 'twice as many as requests',
        places: [{ hosts: ['a'] }],
        more: 'preconnect_policy: {per_upstream_preconnect_ratio: 2}',
        times: 3,
      },
      { name: 'half as many again', places: [{ hosts: ['b'] }], more: 'preconnect_policy: {per_upstream_preconnect_ratio: 1.5}', times: 2 },
      { name: 'three times as many', places: [{ hosts: ['c'] }], more: 'preconnect_policy: {per_upstream_preconnect_ratio: 3}' },
      {
        name: 'no more than the limit',
        places: [{ hosts: ['d'] }],
        more: `preconnect_policy: {per_upstream_preconnect_ratio: 3}
  circuit_breakers: {thresholds: [{max_connections: 2}]}`,
      },
      {
        name: 'statistics of each endpoint',
        places: [{ hosts: ['a', 'b DEGRADED', 'dead UNHEALTHY'] }],
        policy: '{overprovisioning_factor: 300}',
        more: 'track_cluster_stats: {per_endpoint_stats: true}',
        times: 2,
      },
      {
        name: 'none for a degraded host',
        places: [{ hosts: ['a DEGRADED'] }],
        more: 'preconnect_policy: {per_upstream_preconnect_ratio: 3}',
      },
    ]),
    topologies(
      'zone-aware routing',
      [
        {
          name: 'the own zone',
          places: [
            { zone: 'x', hosts: ['a'] },
            { zone: 'y', hosts: ['b'] },
          ],
          more: SMALL,
          times: 3,
        },
        {
          name: 'too small',
          places: [
            { zone: 'x', hosts: ['a'] },
            { zone: 'y', hosts: ['a'] },
          ],
        },
        { name: 'one zone', places: [{ zone: 'y', hosts: ['b'] }], more: SMALL },
        {
          name: 'the own zone is empty',
          places: [
            { zone: 'z', hosts: ['b'] },
            { zone: 'y', hosts: ['b UNHEALTHY'] },
          ],
          more: SMALL,
          times: 2,
        },
        {
          name: 'what is left goes where there is room',
          places: [
            { zone: 'x', hosts: ['a UNHEALTHY'] },
            { zone: 'y', hosts: ['b'] },
            { zone: 'z', hosts: ['c'] },
          ],
          more: SMALL,
          times: 4,
        },
        {
          name: 'switched off',
          places: [
            { zone: 'x', hosts: ['a'] },
            { zone: 'y', hosts: ['a'] },
          ],
          more: 'common_lb_config: {zone_aware_lb_config: {min_cluster_size: 1, routing_enabled: {value: 0}}}',
        },
        {
          name: 'the second priority does not look at zones',
          places: [
            { zone: 'x', hosts: ['a UNHEALTHY'] },
            { zone: 'x', priority: 1, hosts: ['b'] },
            { zone: 'y', priority: 1, hosts: ['b'] },
          ],
          more: SMALL,
        },
        {
          name: 'weights instead of zones',
          places: [
            { zone: 'x', hosts: ['a'] },
            { zone: 'y', weight: 1, hosts: ['b'] },
          ],
          more: WEIGHTED,
          times: 2,
        },
        {
          name: 'the own zone by force',
          places: [
            { zone: 'x', hosts: ['a'] },
            { zone: 'y', hosts: ['b', 'c', 'd'] },
          ],
          more: `load_balancing_policy: {policies: [{typed_extension_config: {name: rr, typed_config: {'@type': type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin, locality_lb_config: {zone_aware_lb_config: {min_cluster_size: 1, force_local_zone: {min_size: 1}}}}}}]}`,
          times: 4,
        },
      ],
      {
        bootstrap: IN_ZONE_X,
        clusters: LOCAL([
          { zone: 'x', hosts: ['a'] },
          { zone: 'y', hosts: ['b'] },
        ]),
        // Chance picks one of two zones there.
        ignoreStats: new RegExp(`${PER_THREAD.source}|^cluster\\.t[156]\\.zone\\.`),
      },
    ),
    topologies(
      'zone-aware routing without proxies in the own zone',
      [
        {
          name: 'all hosts alike',
          places: [
            { zone: 'x', hosts: ['a'] },
            { zone: 'y', hosts: ['a'] },
          ],
          more: SMALL,
          times: 2,
        },
      ],
      {
        bootstrap: IN_ZONE_X,
        ignoreStats: new RegExp(`${PER_THREAD.source}|\\.zone\\.`),
        clusters: LOCAL([
          { zone: 'z', hosts: ['a'] },
          { zone: 'y', hosts: ['b'] },
        ]),
      },
    ),
  ],
};
