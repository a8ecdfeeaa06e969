/** `stats_config` and the ways in which statistics are shown. */
import type { Area, Case, Configuration } from '../harness/scenario.ts';

/** Traffic first: what is shown then is not all zero. */
const traffic: Case = { name: 'traffic', send: ['GET /routed', 'GET /routed', 'GET /'] };

const show = (name: string, query: string, lines?: RegExp): Case => ({
  name,
  admin: `GET /stats${query}`,
  ...(lines === undefined ? {} : { adminLines: lines }),
});

const ROUTES = `
  - {match: {prefix: /routed}, route: {cluster: a}, stat_prefix: named}
  - {match: {prefix: /}, direct_response: {status: 200}}
`;

const config = (name: string, statsConfig: string, cases: readonly Case[], more: Partial<Configuration> = {}): Configuration => ({
  name,
  routes: ROUTES,
  // Histograms are shown as of the last flush in Envoy.
  bootstrap: `stats_flush_interval: 0.1s${statsConfig === '' ? '' : `\nstats_config: {${statsConfig}}`}`,
  listener: '{stat_prefix: front}',
  cases: [traffic, ...cases],
  ...more,
});

/** Counters of the cluster and the listener, and nothing that depends on bytes or time. */
const COUNTED = /cluster\.a\.upstream_rq_(total|2xx|200|completed)|ingress.*downstream_rq_(2xx|total)|named\.upstream_rq_total/;
const PROMETHEUS = /upstream_rq(_total|_xx|_completed)?\{|downstream_rq_(xx|total)\{/;
const prometheus = (name: string, more = ''): Case => show(name, `/prometheus?filter=cluster\\.a\\.|ingress|vhost${more}`, PROMETHEUS);

/** Bodies of these sizes, whose bins both of them put into the same buckets. */
const sizes = (path: string, bytes: readonly number[]): Case => ({
  name: `bodies to ${path}`,
  send: bytes.map((count) => ({ method: 'POST', path, body: 'x'.repeat(count) })),
});
const SIZED = (name: string) =>
  `{name: ${name}, track_cluster_stats: {request_response_sizes: true}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}]}}`;
const BODIES = 'filter=^cluster\\.s[0-9]\\.upstream_rq_body_size$';

/** The protobuf format, and native histograms, which are in that only. */
const protobuf: Configuration = {
  name: 'protobuf',
  routes: ['s1', 's2', 's3', 's4'].map((name) => `- {match: {prefix: /${name}}, route: {cluster: ${name}}}`).join('\n'),
  bootstrap: 'stats_flush_interval: 0.1s',
  clusters: ['s1', 's2', 's3', 's4'].map((name) => `- ${SIZED(name)}`).join('\n'),
  cases: [
    sizes('/s1', [2, 3, 4, 5, 6, 7, 8, 9, 11]),
    sizes('/s2', [0, 0, 100, 1000, 10_000]),
    sizes('/s3', [100, 101, 105, 109, 110, 111, 115]),
    sizes('/s4', [64, 1000, 1000, 1000, 1000, 1000]),
    { ...show('as text', `/prometheus?${BODIES}`, /_count\{/), adminUntil: /body_size_count\{envoy_cluster_name="s4"\} 6/ },
    show('histograms', `/prometheus?prom_protobuf&${BODIES}`),
    show('used ones', `/prometheus?prom_protobuf&usedonly&${BODIES}`),
    ...['', ...[1, 2, 3, 5, 10, 100].map((most) => `&native_histogram_max_buckets=${most}`)].map((most) =>
      show(`native histograms${most}`, `/prometheus?prom_protobuf&histogram_buckets=prometheusnative${most}&${BODIES}`),
    ),
    show(
      'counters and gauges',
      '?format=prometheus&prom_protobuf&filter=^cluster\\.s[12]\\.(upstream_rq_(total|2xx|200|active)|membership_total)$',
    ),
    show('text readouts', '/prometheus?prom_protobuf&text_readouts&filter=^nothing$'),
    show('native histograms as text', '/prometheus?histogram_buckets=prometheusnative'),
    show('native histograms elsewhere', '?histogram_buckets=prometheusnative'),
    show('native histograms of JSON', '?format=json&histogram_buckets=prometheusnative'),
    ...['0', '-1', 'x', '5.5', '99999999999'].map((most) =>
      show(`at most ${most} buckets`, `/prometheus?native_histogram_max_buckets=${most}`),
    ),
  ],
};

/** Which of several mistakes is answered, and parameters that are empty. */
const MISTAKES = [
  ...[
    'filter=(&invert_filter&histogram_buckets=x',
    'invert_filter&histogram_buckets=x',
    'invert_filter&filter=',
    'histogram_buckets=x&type=x',
  ],
  ...['type=x&hidden=x', 'hidden=x&format=x', 'format=x&histogram_buckets=prometheusnative', 'format=JSON', 'type=counters', 'hidden=Only'],
  ...['native_histogram_max_buckets=0&type=x', 'histogram_buckets=x&native_histogram_max_buckets=0', 'histogram_buckets=Summary'],
];
const EMPTY = ['type', 'format', 'hidden', 'histogram_buckets', 'filter', 'native_histogram_max_buckets'];

const parameters: Configuration = config('parameters', '', [
  ...MISTAKES.map((query) => show(query, `?${query}`)),
  ...MISTAKES.map((query) => show(`Prometheus: ${query}`, `/prometheus?${query}`)),
  ...EMPTY.map((name) => show(`empty ${name}`, `?${name}=`, COUNTED)),
  show('of two the first', '?type=Gauges&type=x&filter=membership_total&filter=['),
  show('hidden ones only', '?hidden=only'),
  show('hidden ones too', '?hidden=include', COUNTED),
  show('a format that is not asked for', '/prometheus?format=json&filter=membership_total'),
  show('a type of Prometheus', '/prometheus?type=Gauges&filter=cluster\\.a\\.(upstream_rq_total|membership_total)'),
  show('cumulative JSON', '?format=json&histogram_buckets=cumulative&filter=cluster\\.b\\.upstream_rq_time'),
  show('disjoint JSON', '?format=json&histogram_buckets=disjoint&filter=cluster\\.b\\.upstream_cx_length_ms'),
  show('detailed JSON', '?format=json&histogram_buckets=detailed&filter=cluster\\.b\\.upstream_cx_length_ms'),
  show('no buckets', '?histogram_buckets=none&filter=cluster\\.b\\.upstream_cx_length_ms'),
  show('summaries', '/prometheus?histogram_buckets=summary&filter=cluster\\.b\\.upstream_cx_length_ms'),
]);

export const stats: Area = {
  name: 'stats',
  configurations: [
    config('nothing is said', '', [
      show('text', '', COUNTED),
      show('used only', '?usedonly&filter=cluster\\.a\\.upstream_rq_', /upstream_rq_(?!time)/),
      show('counters', '?type=Counters&filter=vhost'),
      show('gauges', '?type=Gauges&filter=cluster\\.a\\.membership'),
      show('inverted', '?invert_filter&filter=[b-z]'),
      show('JSON', '?format=json&type=Counters&filter=vhost'),
      prometheus('Prometheus'),
      show('Prometheus by format', '?format=prometheus&filter=vhost', PROMETHEUS),
      show('summaries', '/prometheus?histogram_buckets=summary&filter=nothing'),
      show('no such format', '?format=xml'),
      show('no such buckets', '?histogram_buckets=round'),
      show('no such type', '?type=Things'),
      show('disjoint buckets for Prometheus', '/prometheus?histogram_buckets=disjoint'),
      show('a bad filter', '?filter=['),
      show('text readouts', '/prometheus?text_readouts&filter=^nothing$'),
    ]),
    parameters,
    protobuf,
    config('no default tags', 'use_all_default_tags: false', [prometheus('names whole')]),
    config(
      'some default tags',
      'use_all_default_tags: false, stats_tags: [{tag_name: envoy.cluster_name}, {tag_name: envoy.response_code_class}]',
      [prometheus('only these')],
    ),
    config('fixed tags', 'stats_tags: [{tag_name: zone, fixed_value: z1}, {tag_name: a.b, fixed_value: "x\\"y"}]', [
      prometheus('on everything'),
    ]),
    config(
      'own patterns',
      `stats_tags: [{tag_name: kind, regex: "_rq_((total|completed))$"}, {tag_name: host, regex: "^vhost\\\\.((.*?)\\\\.)route"}]`,
      [prometheus('beside the default ones')],
    ),
    config(
      'overridden',
      `allow_default_tag_overrides: true, stats_tags: [{tag_name: envoy.cluster_name, regex: "^cluster\\\\.((\\\\w)\\\\.)upstream_rq"}]`,
      [prometheus('the default one is gone')],
    ),
    config(
      'all but some',
      `stats_matcher: {exclusion_list: {patterns: [{prefix: "vhost."}, {suffix: "_2xx"}, {safe_regex: {regex: "cluster\\\\..*_total"}}]}}`,
      [show('text', '', COUNTED), prometheus('Prometheus')],
    ),
    config(
      'only some',
      `stats_matcher: {inclusion_list: {patterns: [{contains: "downstream_rq_2XX", ignore_case: true}, {exact: cluster.a.upstream_rq_total}]}}`,
      [show('text', '?filter=ingress|cluster\\.a', COUNTED), prometheus('Prometheus')],
    ),
    config('none', 'stats_matcher: {reject_all: true}', [show('text', '?filter=ingress|cluster\\.a'), prometheus('Prometheus')]),
    config(
      'own buckets',
      'histogram_bucket_settings: [{match: {suffix: upstream_rq_time}, buckets: [0.5, 600000, 1200000]}, {match: {prefix: "http."}, buckets: [900000]}]',
      [
        {
          ...show(
            'which',
            '/prometheus?filter=cluster\\.a\\.upstream_rq_time|http\\.ingress\\.downstream_rq_time|cx_length',
            /_bucket.*(600000|1200000|900000|Inf)/,
          ),
          adminUntil: /upstream_rq_time_bucket\{envoy_cluster_name="a",le="\+Inf"\} 2/,
        },
      ],
    ),
    config('flushed by who asks', '', [show('text', '?filter=cluster\\.a\\.upstream_rq_total')], {
      bootstrap: 'stats_flush_on_admin: true',
    }),
  ],
};
