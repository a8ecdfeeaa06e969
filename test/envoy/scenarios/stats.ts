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
