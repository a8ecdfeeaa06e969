/** Statistics sinks: the same traffic through Envoy and Outrider, and what receivers hear of it from both. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/http-call.ts';
import { findOutrider } from '../support/outrider.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/ports.ts';
import { Fields, grpcMessages } from '../support/protobuf-reader.ts';
import { familyMetrics, otlpMetrics, type ReceivedMetric, StatsReceivers } from '../support/stats-receivers.ts';
import { requireTool } from '../support/tool.ts';
import { ProxyUnderTest } from './harness/proxy-under-test.ts';

const T = 'type.googleapis.com/';
const HTTP2 = `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${T}envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}`;

function bootstrap(ports: { admin: number; listener: number; app: number }, receivers: StatsReceivers['ports']): string {
  const udp = (i: number) => `{socket_address: {address: 127.0.0.1, port_value: ${receivers.udp[i]}, protocol: UDP}}`;
  const cluster = (name: string, port: number, more = '') =>
    `{name: ${name}, type: STATIC, ${more}load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}}`;
  const grpc = 'grpc_service: {envoy_grpc: {cluster_name: grpc}}';
  const sink = (name: string, type: string, fields: string) =>
    `{name: envoy.stat_sinks.${name}, typed_config: {"@type": ${T}${type}, ${fields}}}`;
  const otlp = 'envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig';
  const metrics = 'envoy.config.metrics.v3.MetricsServiceConfig';
  return `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${ports.admin}}}}
node: {id: me, cluster: mine}
stats_flush_interval: 0.5s
stats_sinks:
  - ${sink('statsd', 'envoy.config.metrics.v3.StatsdSink', `address: ${udp(0)}`)}
  - ${sink('statsd', 'envoy.config.metrics.v3.StatsdSink', 'tcp_cluster_name: tcp, prefix: overtcp')}
  - ${sink('dog_statsd', 'envoy.config.metrics.v3.DogStatsdSink', `address: ${udp(1)}, prefix: dog, max_bytes_per_datagram: 400`)}
  - ${sink('graphite_statsd', 'envoy.extensions.stat_sinks.graphite_statsd.v3.GraphiteStatsdSink', `address: ${udp(2)}, prefix: graphite`)}
  - ${sink('open_telemetry', otlp, grpc)}
  - ${sink('open_telemetry', otlp, `${grpc}, prefix: deltas, report_counters_as_deltas: true, report_histograms_as_deltas: true, emit_tags_as_attributes: false, use_tag_extracted_name: false`)}
  - ${sink('open_telemetry', otlp, `http_service: {http_uri: {uri: "http://collector.test/v1/metrics", cluster: http, timeout: 1s}}, max_data_points_per_request: 40, prefix: parts`)}
  - ${sink('metrics_service', metrics, `${grpc}, transport_api_version: V3`)}
  - ${sink('metrics_service', metrics, `${grpc}, transport_api_version: V3, report_counters_as_deltas: true, emit_tags_as_labels: true, histogram_emit_mode: SUMMARY, batch_size: 30`)}
static_resources:
  listeners:
    - name: in
      stat_prefix: front
      address: {socket_address: {address: 127.0.0.1, port_value: ${ports.listener}}}
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                "@type": ${T}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: ingress
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      virtual_clusters: [{name: reads, headers: [{name: ":method", string_match: {exact: GET}}]}]
                      routes:
                        - {match: {prefix: /app}, route: {cluster: app}, stat_prefix: app_route}
                        - {match: {prefix: /}, direct_response: {status: 404}}
                http_filters: [{name: router, typed_config: {"@type": ${T}envoy.extensions.filters.http.router.v3.Router}}]
  clusters:
    - ${cluster('app', ports.app)}
    - ${cluster('tcp', receivers.tcp)}
    - ${cluster('http', receivers.http)}
    - ${cluster('grpc', receivers.grpc, `${HTTP2}, `)}
`;
}

/** What traffic moves, and nothing that depends on time or bytes. */
const COMPARED = /(^|\.)(cluster\.(app\.)?|http\.(ingress\.)?|listener\.(front\.)?|vhost\.)/;
// Who closes first is a race. Envoy's breaker gauges are "used" once a request has been counted, ours once one is under way when they are looked at.
const OTHERS =
  /cx_destroy_(local|remote)|rq_open|rq_pending_open|cluster\.(grpc|tcp|http)\.|admin|async-client|_bytes_|_ms\b|_buffered|rq_time\b|worker_|watchdog|pre_cx|total_match_count|update_|_time_|connections_accepted|(=|:)(grpc|tcp|http)$|(=|:)(grpc|tcp|http),/;
const TIMES = /_ms\b|rq_time\b/;

interface Heard {
  /** By sink. Values of counters are summed up, or the last one, as the sink reports them. */
  readonly statsd: Readonly<Record<string, readonly string[]>>;
  readonly otlp: readonly string[];
  readonly otlpDeltas: readonly string[];
  readonly otlpParts: readonly string[];
  readonly families: readonly string[];
  readonly labelled: readonly string[];
  readonly histograms: readonly string[];
  readonly identifiers: number;
  readonly largestDatagram: number;
  readonly largestPart: number;
  readonly headers: readonly string[];
}

async function listen(binary: string): Promise<Heard> {
  const receivers = await new StatsReceivers().listen();
  const app = http.createServer((request, response) => {
    response.statusCode = Number(request.headers['x-status'] ?? 200);
    response.end('hello');
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const directory = await mkdtemp(join(tmpdir(), 'outrider-sinks-'));
  try {
    const ports = { admin: await freePort(), listener: await freePort(), app: (app.address() as AddressInfo).port };
    const file = join(directory, 'bootstrap.yaml');
    await writeFile(file, bootstrap(ports, receivers.ports));
    const proxy = await ProxyUnderTest.start(binary, file, ports.admin);
    try {
      // An interval passes before, so that deltas count from something.
      await until('a first report', () => receivers.otlpRequests.length >= 2 && receivers.metricsMessages.length >= 2);
      for (const [path, headers] of [
        ['/app', {}],
        ['/app', {}],
        ['/app', { 'x-status': '503' }],
        ['/', {}],
      ] as const)
        await call(ports.listener, path, false, headers);
      const heard = () => receivers.tcpText.match(/cluster\.app\.upstream_rq_503:1\|c/) !== null;
      await until('a report of the traffic', heard);
      const reports = receivers.otlpRequests.length;
      await until('another', () => receivers.otlpRequests.length >= reports + 6);
      return digest(receivers);
    } finally {
      await proxy.stop();
    }
  } finally {
    app.closeAllConnections();
    await new Promise<void>((resolve) => app.close(() => resolve()));
    await receivers.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const isCompared = (name: string): boolean => COMPARED.test(name) && !OTHERS.test(name);

/** Counters added up, gauges as they were last, histograms by how many values they got. */
function statsd(lines: readonly string[]): string[] {
  const totals = new Map<string, number>();
  for (const line of lines) {
    const match = /^(.*):(-?[\d.]+)\|(c|g|ms|h)(.*)$/.exec(line);
    if (match === null) throw new Error(`not a line of statsd: ${line}`);
    const [, name, value, type, tags] = match as unknown as [string, string, string, string, string];
    const key = `${name} ${type} ${tags}`;
    if (TIMES.test(name) && /cluster.*app|ingress|front|vhost/.test(key)) totals.set(key, (totals.get(key) ?? 0) + 1);
    else if (isCompared(name + tags)) totals.set(key, type === 'g' ? Number(value) : (totals.get(key) ?? 0) + Number(value));
  }
  return [...totals].map(([key, value]) => `${key} = ${value}`).sort();
}

function lasting(metrics: readonly ReceivedMetric[], sum: boolean): string[] {
  const values = new Map<string, number>();
  for (const { name, labels, kind, value } of metrics) {
    const key = `${name}{${labels}} ${kind}`;
    if (/histogram|summary/.test(kind) || !isCompared(name) || OTHERS.test(labels)) continue;
    values.set(key, sum && !kind.startsWith('gauge') ? (values.get(key) ?? 0) + Number(value) : Number(value));
  }
  return [...values].map(([key, value]) => `${key} = ${value}`).sort();
}

/** Shape of histograms: which there are, their bounds or quantiles, and how many values came, but not when or how large. */
function shapes(metrics: readonly ReceivedMetric[], sum: boolean): string[] {
  const counts = new Map<string, number>();
  for (const { name, labels, kind, value } of metrics) {
    if (!/histogram|summary/.test(kind) || !/rq_time|cx_length_ms/.test(name) || /grpc|tcp|http$|=http|admin/.test(labels + name)) continue;
    if (!/app|ingress|front|vhost/.test(name + labels)) continue;
    const count = Number(/count (\d+)/.exec(value)![1]);
    const keys =
      kind === 'summary' || !kind.includes(' ') ? value.replace(/^.*sum \S+ /, '').replace(/:\S+/g, '') : value.replace(/^.*bounds /, '');
    const key = `${name}{${labels}} ${kind} of ${keys}`;
    counts.set(key, sum ? (counts.get(key) ?? 0) + count : count);
  }
  return [...counts].map(([key, count]) => `${key} = ${count}`).sort();
}

function digest(receivers: StatsReceivers): Heard {
  const otlp = receivers.otlpRequests.flatMap(otlpMetrics);
  const plain = otlp.filter(({ name }) => !name.startsWith('deltas.'));
  const deltas = otlp.filter(({ name }) => name.startsWith('deltas.'));
  const parts = receivers.posts.map(({ body }) => otlpMetrics(new Fields(body)));
  const streams = receivers.calls.get('/envoy.service.metrics.v3.MetricsService/StreamMetrics') ?? [];
  const messages = streams.map(({ body }) => grpcMessages(body).map((message) => new Fields(message)));
  const labelled = messages.find((list) => list.some((message) => familyMetrics(message).some(({ labels }) => labels !== ''))) ?? [];
  const bare = messages.find((list) => list !== labelled) ?? [];
  return {
    statsd: {
      plain: statsd(receivers.lines('envoy.')),
      dog: statsd(receivers.lines('dog.')),
      graphite: statsd(receivers.lines('graphite.')),
      tcp: statsd(receivers.tcpText.split('\n').filter((line) => line !== '')),
    },
    otlp: lasting(plain, false),
    otlpDeltas: lasting(deltas, true),
    otlpParts: lasting(parts.flat(), false),
    families: lasting(bare.flatMap(familyMetrics), false),
    labelled: lasting(labelled.flatMap(familyMetrics), true),
    histograms: [
      ...shapes(plain, false),
      ...shapes(deltas, true),
      ...shapes(bare.flatMap(familyMetrics), true),
      ...shapes(labelled.flatMap(familyMetrics), true),
    ],
    identifiers: messages.reduce((sum, list) => sum + list.filter((message) => message.has(1)).length, 0),
    largestDatagram: Math.max(...receivers.datagrams.filter((d) => d.startsWith('dog.')).map((d) => d.length)),
    largestPart: Math.max(...parts.map((part) => part.length)),
    headers: [
      ...[...receivers.calls].map(([path, [first]]) => `${path} ${shown(first!.headers)}`),
      `${receivers.posts[0]?.path} ${shown(receivers.posts[0]?.headers ?? {})}`,
    ].sort(),
  };
}

function shown(headers: http.IncomingHttpHeaders): string {
  return Object.entries(headers)
    .filter(([name]) => !/^:path|^content-length|^x-request-id|^user-agent|^connection|^transfer-encoding|^x-envoy-expected/.test(name))
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(' ');
}

const envoy = requireTool('envoy');

describe('sinks, by themselves', () => {
  let heard: Heard;
  beforeAll(async () => {
    heard = await listen(findOutrider());
  });

  test('every format carries what the traffic moved', () => {
    expect(heard.statsd['plain']).toContain('envoy.cluster.app.upstream_rq_200 c  = 2');
    expect(heard.statsd['plain']).toContain('envoy.cluster.app.upstream_rq_time ms  = 3');
    expect(heard.statsd['dog']).toContain('dog.cluster.upstream_rq c |#envoy.response_code:503,envoy.cluster_name:app = 1');
    expect(heard.statsd['graphite']).toContain('graphite.http.downstream_rq_total;envoy.http_conn_manager_prefix=ingress c  = 4');
    expect(heard.statsd['tcp']).toContain('overtcp.vhost.all.route.app_route.upstream_rq_total c  = 3');
    expect(heard.otlp).toContain('cluster.upstream_rq_total{envoy.cluster_name=app} sum temporality 2 monotonic 1 = 3');
    expect(heard.otlpDeltas).toContain('deltas.cluster.app.upstream_rq_total{} sum temporality 1 monotonic 1 = 3');
    expect(heard.otlpParts).toContain('parts.cluster.upstream_rq_total{envoy.cluster_name=app} sum temporality 2 monotonic 1 = 3');
    expect(heard.families).toContain('cluster.app.membership_total{} gauge = 1');
    expect(heard.labelled).toContain('cluster.upstream_rq{envoy.response_code=200,envoy.cluster_name=app} counter = 2');
  });

  test('messages keep to their limits', () => {
    expect(heard.largestDatagram).toBeLessThanOrEqual(400);
    expect(heard.largestPart).toBe(40);
    expect(heard.identifiers).toBe(2);
  });
});

describe.skipIf(envoy === null)('sinks, compared with Envoy', () => {
  let sides: Promise<[Heard, Heard]>;
  beforeAll(() => {
    sides = listen(envoy!).then(async (theirs) => [theirs, await listen(findOutrider())]);
  });
  afterAll(() => sides.catch(() => undefined));

  for (const sink of ['plain', 'dog', 'graphite', 'tcp'])
    test(`statsd: ${sink}`, async () => {
      const [theirs, ours] = await sides;
      expect(ours.statsd[sink]).toEqual(theirs.statsd[sink]);
    });
  for (const what of [
    'otlp',
    'otlpDeltas',
    'otlpParts',
    'families',
    'labelled',
    'histograms',
    'identifiers',
    'largestPart',
    'headers',
  ] as const)
    test(what, async () => {
      const [theirs, ours] = await sides;
      expect(ours[what]).toEqual(theirs[what]);
    });
});
