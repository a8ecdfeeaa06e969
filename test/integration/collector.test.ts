/** Spans, log entries and metrics as a real OpenTelemetry Collector takes them: OTLP over gRPC (TCP and a UNIX socket) and HTTP, and Zipkin's two formats. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accepts, call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/ports.ts';
import { ADMIN, newFolder, ProxyProcess, staticCluster } from '../support/proxy.ts';
import { requireTool } from '../support/tool.ts';

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events?: readonly { readonly name: string }[];
  readonly status: { readonly code?: number };
}

interface Resource {
  readonly attributes?: readonly KeyValue[];
}

/** One line of the collector's file. */
interface Taken {
  readonly resourceSpans?: readonly { readonly resource: Resource; readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
  readonly resourceLogs?: readonly {
    readonly resource: Resource;
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly body?: { readonly stringValue?: string };
        readonly attributes?: readonly KeyValue[];
        readonly traceId?: string;
      }[];
    }[];
  }[];
  readonly resourceMetrics?: readonly {
    readonly resource: Resource;
    readonly scopeMetrics: readonly { readonly metrics: readonly { readonly name: string }[] }[];
  }[];
}

const collectorProgram = requireTool('otel-collector');
const TYPE = 'type.googleapis.com/envoy';
const TRACE = `${TYPE}.config.trace.v3`;
const H2 = `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}`;
const GRPC = '{envoy_grpc: {cluster_name: grpc}}';
const PIPE = '{envoy_grpc: {cluster_name: pipe}}';
const over = (path: string) => `{http_uri: {uri: "http://collector.test/v1/${path}", cluster: http, timeout: 60s}}`;

const otel = (service: string) => `{name: o, typed_config: {"@type": ${TRACE}.OpenTelemetryConfig, service_name: shop, ${service}}}`;
const zipkin = (version: string) =>
  `{name: z, typed_config: {"@type": ${TRACE}.ZipkinConfig, collector_cluster: zipkin, collector_endpoint: /api/v2/spans, collector_endpoint_version: ${version}, trace_id_128bit: true}}`;
const log = (service: string) =>
  `[{name: l, typed_config: {"@type": ${TYPE}.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig, log_name: main, buffer_size_bytes: 0, ${service}, body: {string_value: "%REQ(:METHOD)% %REQ(:PATH)%"}, attributes: {values: [{key: status, value: {string_value: "%RESPONSE_CODE%"}}]}}}]`;
const sink = (service: string, prefix: string) =>
  `{name: s, typed_config: {"@type": ${TYPE}.extensions.stat_sinks.open_telemetry.v3.SinkConfig, ${service}, prefix: ${prefix}}}`;

function listener(name: string, provider: string, more = ''): string {
  return `{name: ${name}, traffic_direction: OUTBOUND, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: h, typed_config: {"@type": ${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: ${name}, tracing: {provider: ${provider}, spawn_upstream_span: true, verbose: true}${more}, route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: app}}]}]}, http_filters: [{name: r, typed_config: {"@type": ${TYPE}.extensions.filters.http.router.v3.Router}}]}}]}]}`;
}

const folder = newFolder();
const pipe = join(folder, 'collector.sock');
const taken = join(folder, 'taken.json');
let collector: ChildProcess | null = null;
let proxy: ProxyProcess | null = null;
let application: http.Server | null = null;

beforeAll(async () => {
  if (collectorProgram === null) return;
  const [grpcPort, httpPort, zipkinPort] = [await freePort(), await freePort(), await freePort()];
  const config = join(folder, 'collector.yaml');
  writeFileSync(
    config,
    `receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${grpcPort}"}, http: {endpoint: "127.0.0.1:${httpPort}"}}}
  zipkin: {endpoint: "127.0.0.1:${zipkinPort}"}
  otlp/pipe: {protocols: {grpc: {endpoint: "${pipe}", transport: unix}}}
exporters:
  file: {path: ${taken}, flush_interval: 50ms}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    traces: {receivers: [otlp, otlp/pipe, zipkin], exporters: [file]}
    logs: {receivers: [otlp, otlp/pipe], exporters: [file]}
    metrics: {receivers: [otlp, otlp/pipe], exporters: [file]}
`,
  );
  collector = spawn(collectorProgram, ['--config', `file:${config}`], { stdio: 'ignore' });
  for (const port of [grpcPort, httpPort, zipkinPort]) await until('the collector listens', () => accepts(port));
  await until('its socket is there', () => existsSync(pipe));
  const app = http.createServer((request, response) => {
    response.statusCode = request.url === '/fails' ? 503 : 200;
    response.end('ok');
  });
  application = app;
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const clusters = [
    staticCluster('app', (app.address() as AddressInfo).port),
    staticCluster('grpc', grpcPort).replace('{', `{${H2}, `),
    staticCluster('http', httpPort),
    staticCluster('zipkin', zipkinPort),
    `{name: pipe, type: STATIC, ${H2}, load_assignment: {cluster_name: pipe, endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: ${pipe}}}}}]}]}}`,
  ];
  const listeners = [
    listener('otlp-grpc', otel(`grpc_service: ${GRPC}`), `, access_log: ${log(`grpc_service: ${GRPC}`)}`),
    listener('otlp-http', otel(`http_service: ${over('traces')}`), `, access_log: ${log(`http_service: ${over('logs')}`)}`),
    listener('otlp-pipe', otel(`grpc_service: ${PIPE}`), `, access_log: ${log(`grpc_service: ${PIPE}`)}`),
    listener('zipkin-json', zipkin('HTTP_JSON')),
    listener('zipkin-proto', zipkin('HTTP_PROTO')),
  ];
  proxy = await ProxyProcess.start(
    `${ADMIN}node: {id: node-1, cluster: edge}
layered_runtime: {layers: [{name: s, static_layer: {tracing.zipkin.min_flush_spans: 1, tracing.opentelemetry.min_flush_spans: 1, tracing.zipkin.request_timeout: 60000}}]}
stats_flush_interval: 1s
stats_sinks: [${sink(`grpc_service: ${GRPC}`, 'by-grpc')}, ${sink(`http_service: ${over('metrics')}`, 'by-http')}, ${sink(`grpc_service: ${PIPE}`, 'by-pipe')}]
static_resources: {listeners: [${listeners.join(', ')}], clusters: [${clusters.join(', ')}]}
`,
  );
});

afterAll(async () => {
  await proxy?.stop();
  application?.closeAllConnections();
  application?.close();
  collector?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const found: Taken[] = [];
let readTo = 0;

/** All whole lines that are there; what has been read is not read again. */
function lines(): readonly Taken[] {
  if (!existsSync(taken)) return found;
  const bytes = readFileSync(taken);
  const end = bytes.lastIndexOf('\n') + 1;
  for (const line of bytes.subarray(readTo, end).toString('utf8').split('\n')) if (line !== '') found.push(JSON.parse(line) as Taken);
  readTo = Math.max(readTo, end);
  return found;
}

const valuesOf = (list: readonly KeyValue[] | undefined): Record<string, string> =>
  Object.fromEntries((list ?? []).map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']));

const spansOf = (trace: string): { span: Span; resource: Record<string, string> }[] =>
  lines()
    .flatMap((line) => line.resourceSpans ?? [])
    .flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ span, resource: valuesOf(resource.attributes) }))),
    )
    .filter(({ span }) => span.traceId === trace);

let traces = 0;
const newTrace = (): string => (++traces).toString(16).padStart(4, '0').repeat(8);
const PARENT = 'b7ad6b7169203331';
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;

describe.skipIf(collectorProgram === null)('a collector takes', () => {
  test.each(['otlp-grpc', 'otlp-http', 'otlp-pipe'])('spans: %s', async (name) => {
    const trace = newTrace();
    const before = BigInt(Date.now() - 1) * 1_000_000n;
    await call(await proxy!.port(name), '/fails', false, { host: 'shop.test', traceparent: `00-${trace}-${PARENT}-01`, tracestate: 'a=b' });
    await until('both spans are there', () => spansOf(trace).length === 2);
    const spans = spansOf(trace);
    const request = spans.find(({ span }) => span.kind === SERVER)!;
    const attempt = spans.find(({ span }) => span.kind === CLIENT)!;
    expect(request.resource).toMatchObject({ 'service.name': 'shop', 'telemetry.sdk.name': 'outrider' });
    expect(request.span).toMatchObject({ parentSpanId: PARENT, traceState: 'a=b', name: 'egress shop.test', status: { code: ERROR } });
    expect(valuesOf(request.span.attributes)).toMatchObject({
      ...{ node_id: 'node-1', 'http.method': 'GET', 'http.url': 'http://shop.test/fails', 'http.status_code': '503' },
      ...{ 'http.protocol': 'HTTP/1.1', upstream_cluster: 'app', component: 'proxy', response_flags: '-', error: 'true' },
    });
    expect(request.span.events?.map((event) => event.name)).toContain('first_upstream_tx_byte_sent');
    expect(attempt.span).toMatchObject({ parentSpanId: request.span.spanId, name: 'router app egress' });
    const [start, end] = [BigInt(request.span.startTimeUnixNano), BigInt(request.span.endTimeUnixNano)];
    expect(start >= before && end > start && end <= BigInt(Date.now() + 1) * 1_000_000n).toBe(true);
  });

  test.each(['zipkin-json', 'zipkin-proto'])('spans: %s', async (name) => {
    const trace = newTrace();
    const headers = { host: 'shop.test', 'x-b3-traceid': trace, 'x-b3-spanid': PARENT, 'x-b3-sampled': '1' };
    await call(await proxy!.port(name), '/x', false, headers);
    await until('both spans are there', () => spansOf(trace).length === 2);
    const spans = spansOf(trace);
    const request = spans.find(({ span }) => span.kind === SERVER)!;
    const attempt = spans.find(({ span }) => span.kind === CLIENT)!;
    expect(request.resource['service.name']).toBe('edge');
    // The caller's own span: both ends of the call tell their part of it.
    expect(request.span).toMatchObject({ spanId: PARENT, name: 'shop.test' });
    expect(valuesOf(request.span.attributes)).toMatchObject({ 'http.status_code': '200', 'http.url': 'http://shop.test/x' });
    expect(attempt.span).toMatchObject({ parentSpanId: PARENT, name: 'router app egress' });
    expect(BigInt(request.span.endTimeUnixNano) > BigInt(request.span.startTimeUnixNano)).toBe(true);
  });

  test.each(['otlp-grpc', 'otlp-http', 'otlp-pipe'])('log entries: %s', async (name) => {
    const trace = newTrace();
    await call(await proxy!.port(name), '/logged', false, { traceparent: `00-${trace}-${PARENT}-01` });
    const records = () =>
      lines()
        .flatMap((line) => line.resourceLogs ?? [])
        .flatMap(({ resource, scopeLogs }) =>
          scopeLogs.flatMap(({ logRecords }) => logRecords.map((record) => ({ ...record, resource: valuesOf(resource.attributes) }))),
        )
        .filter((record) => record.traceId === trace);
    await until('the entry is there', () => records().length === 1);
    const record = records()[0]!;
    expect(record.body).toEqual({ stringValue: 'GET /logged' });
    expect(valuesOf(record.attributes)).toEqual({ status: '200' });
    expect(record.resource).toMatchObject({ log_name: 'main', node_name: 'node-1', cluster_name: 'edge' });
  });

  test.each(['by-grpc', 'by-http', 'by-pipe'])('metrics: %s', async (prefix) => {
    const names = () =>
      lines()
        .flatMap((line) => line.resourceMetrics ?? [])
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => metric.name)))
        .filter((name) => name.startsWith(`${prefix}.`));
    await until('a gauge is there', () => names().includes(`${prefix}.server.live`));
    // Told as soon as it has been used.
    await until('a counter is there', () => names().includes(`${prefix}.cluster.upstream_rq_total`));
  });

  test('all of it, and the proxy knows', async () => {
    const failed = await proxy!.stats('\\.(reports_failed|reports_dropped|spans_dropped|logs_dropped)$');
    expect([...failed.values()].every((value) => value === 0)).toBe(true);
    await until('the collector has accepted all reports', async () => (await proxy!.stat('tracing.zipkin.reports_sent')) >= 2);
    await expect.poll(() => proxy!.stat('cluster.grpc.upstream_rq_5xx')).toBe(0);
    await expect.poll(() => proxy!.stat('cluster.http.upstream_rq_4xx')).toBe(0);
  });
});
