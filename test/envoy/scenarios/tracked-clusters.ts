import { type Area, bytes, type Case, closing, hangUp, reply, type Send, silence } from '../harness/scenario.ts';

/** Nearly every size up to this has a bucket of its own. Envoy's histograms begin a bin at each ten, and count what is there one bucket late. */
const BUCKETS = `[${Array.from({ length: 330 }, (_, i) => i + 1)
  .filter((size) => size < 100 || size % 10 > 0)
  .join(', ')}]`;
const BOOTSTRAP = `{stats_flush_interval: 0.05s, stats_config: {histogram_bucket_settings: [{match: {prefix: cluster.a.upstream_r}, buckets: ${BUCKETS}}]}}`;
const RETRY = 'retry_back_off: {base_interval: 0.001s}';

/** Shows the histograms once `tries` tries have been counted. */
function tries(name: string, count: number, send: Send, upstream: Case['upstream'] = {}): Case {
  return {
    name,
    send,
    upstream,
    admin: 'GET /stats/prometheus?filter=cluster.a.upstream_r',
    adminLines: LINES,
    adminUntil: new RegExp(`^envoy_cluster_upstream_rq_headers_size_count.* ${count}$`),
  };
}
const LINES = /^envoy_cluster_upstream_r[qs]_(?:headers|body|timeout)\w*(?:_bucket|_count)\{/;
/** Of times only the number is the same on both sides. */
const COUNTS = /^envoy_cluster_upstream_rq_(?:timeout\w*|headers_size)_count\{/;

/** track_cluster_stats: how large messages are, and how much of their time requests use. */
export const trackedClusters: Area = {
  name: 'tracked-clusters',
  configurations: [
    {
      name: 'sizes',
      bootstrap: BOOTSTRAP,
      cluster: { a: 'track_cluster_stats: {request_response_sizes: true}' },
      hcm: 'generate_request_id: false',
      routes: `
        - {match: {prefix: /again}, route: {cluster: a, retry_policy: {retry_on: "5xx,reset", ${RETRY}}}}
        - {match: {prefix: /slow}, route: {cluster: a, timeout: 0.1s}}
        - {match: {prefix: /dead}, route: {cluster: a}}
        - {match: {prefix: /}, route: {cluster: a, prefix_rewrite: /r, host_rewrite_literal: other.test, timeout: 0s}}
      `,
      cases: [
        tries('no body', 1, 'GET /x', { a: [bytes('HTTP/1.1 204 N\r\n\r\n')] }),
        tries(
          'bodies both ways',
          2,
          { method: 'POST', path: '/y', body: 'hello' },
          { a: [bytes('HTTP/1.1 200 OK\r\nx-up: u\r\nx-up: v\r\ncontent-length: 3\r\n\r\nabc')] },
        ),
        tries(
          'chunks and trailers',
          3,
          { method: 'POST', chunks: ['ab', 'cde'], path: '/y' },
          { a: [bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-t: end\r\n\r\n')] },
        ),
        tries(
          'two tries',
          5,
          { method: 'POST', path: '/again', body: 'hello' },
          { a: [reply({ status: '500 E', body: 'no' }), reply({ body: 'yes' })] },
        ),
        tries('two that are reset', 7, 'GET /again', { a: [hangUp, hangUp] }),
        tries('one that is too slow', 8, 'GET /slow', { a: [silence] }),
        tries('one that is cut off', 9, 'GET /x', { a: [closing([{ send: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc' }])] }),
      ].map((one) => (one.name === 'one that is cut off' ? { ...one, closes: true } : one)),
    },
    {
      name: 'timeouts',
      bootstrap: '{stats_flush_interval: 0.05s}',
      cluster: { a: 'track_cluster_stats: {timeout_budgets: true, request_response_sizes: true}' },
      routes: `
        - {match: {prefix: /slow}, route: {cluster: a, timeout: 0.1s}}
        - {match: {prefix: /tries}, route: {cluster: a, timeout: 2s, retry_policy: {retry_on: 5xx, per_try_timeout: 0.05s, ${RETRY}}}}
        - {match: {prefix: /again}, route: {cluster: a, retry_policy: {retry_on: "5xx,reset", ${RETRY}}}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        tries('in time', 1, 'GET /x'),
        tries('too slow', 2, 'GET /slow', { a: [silence] }),
        tries('tries that are too slow', 4, 'GET /tries', { a: [silence, silence] }),
        tries('a reset', 5, 'GET /x', { a: [hangUp] }),
        tries('two tries', 7, 'GET /again', { a: [reply({ status: '500 E' }), reply()] }),
      ].map((one) => ({ ...one, adminLines: COUNTS })),
    },
    {
      name: 'nobody there',
      bootstrap: '{stats_flush_interval: 0.05s}',
      clusters:
        '- {name: dead, track_cluster_stats: {timeout_budgets: true, request_response_sizes: true}, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}',
      routes: '[{match: {prefix: /}, route: {cluster: dead}}]',
      cases: [
        {
          name: 'counted all the same',
          send: { method: 'POST', body: 'hello' },
          admin: 'GET /stats/prometheus?filter=cluster.dead.upstream_r',
          adminLines: /^envoy_cluster_upstream_r[qs]_(?:headers|body|timeout)\w*_count\{/,
          adminUntil: /^envoy_cluster_upstream_rq_headers_size_count.* 1$/,
        },
      ],
    },
  ],
};
