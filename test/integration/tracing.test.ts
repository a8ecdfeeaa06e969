/** A request through an edge proxy, two sidecars and the application between them: one trace, whatever the headers that carry it. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startApplication as startFastify } from '../../config/tracing-app/fastify.ts';
import { startApplication as startNodeHttp } from '../../config/tracing-app/node-http.ts';
import { call } from '../support/http-call.ts';
import { type OtlpSpan, readOtlp } from '../support/otlp-reader.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/ports.ts';
import { ADMIN, ProxyProcess, staticCluster } from '../support/proxy.ts';

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: string;
  readonly shared?: boolean;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER =
  '{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}';
const LOG =
  '[{name: log, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, log_format: {text_format_source: {inline_string: "%REQ(X-REQUEST-ID)% %TRACE_ID%\\n"}}}}]';
const ZIPKIN =
  'provider: {name: envoy.tracers.zipkin, typed_config: {"@type": type.googleapis.com/envoy.config.trace.v3.ZipkinConfig, collector_cluster: spans, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON, trace_id_128bit: true}}';
const OTEL =
  'provider: {name: envoy.tracers.opentelemetry, typed_config: {"@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig, http_service: {http_uri: {uri: "http://collector.test/v1/traces", cluster: spans, timeout: 1s}}}}';

let collector: http.Server;
let application: http.Server | null;
let end: http.Server;
let zipkin: ZipkinSpan[];
let otlp: OtlpSpan[];
let arrived: http.IncomingHttpHeaders;
let proxies: ProxyProcess[];

const portOf = (server: http.Server): number => (server.address() as AddressInfo).port;

async function serve(listener: http.RequestListener): Promise<http.Server> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

beforeEach(async () => {
  zipkin = [];
  otlp = [];
  proxies = [];
  application = null;
  collector = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (request.url === '/api/v2/spans') zipkin.push(...(JSON.parse(body.toString()) as ZipkinSpan[]));
      else otlp.push(...readOtlp(body));
      response.statusCode = request.url === '/api/v2/spans' ? 202 : 200;
      response.end();
    });
  });
  end = await serve((request, response) => {
    arrived = request.headers;
    response.end('the end');
  });
});

afterEach(async () => {
  for (const proxy of proxies) await proxy.stop();
  for (const server of [collector, application, end]) {
    server?.closeAllConnections();
    server?.close();
  }
});

function listener(name: string, direction: string, tracing: string, to: string, more = ''): string {
  return `{name: ${name}, traffic_direction: ${direction}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": ${HCM}, stat_prefix: ${name}, tracing: {${tracing}}, access_log: ${LOG}${more}, route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${to}}}]}]}, http_filters: [${ROUTER}]}}]}]}`;
}

async function start(name: string, listeners: readonly string[], clusters: readonly string[]): Promise<ProxyProcess> {
  const layers = '{layers: [{name: s, static_layer: {tracing.zipkin.min_flush_spans: 1, tracing.opentelemetry.min_flush_spans: 1}}]}';
  const all = [...clusters, staticCluster('spans', portOf(collector))];
  const proxy = await ProxyProcess.start(
    `${ADMIN}node: {id: ${name}-1, cluster: ${name}}\nlayered_runtime: ${layers}\nstatic_resources: {listeners: [${listeners.join(', ')}], clusters: [${all.join(', ')}]}\n`,
  );
  proxies.push(proxy);
  return proxy;
}

/** @returns the edge's port */
async function startChain(tracing: string, startApplication = startNodeHttp): Promise<number> {
  const b = await start('b', [listener('in', 'INBOUND', tracing, 'end')], [staticCluster('end', portOf(end))]);
  const inbound = [listener('in', 'INBOUND', tracing, 'application'), listener('out', 'OUTBOUND', tracing, 'b')];
  const applicationPort = await freePort();
  const a = await start('a', inbound, [staticCluster('application', applicationPort), staticCluster('b', await b.port('in'))]);
  application = await startApplication(applicationPort, `http://127.0.0.1:${await a.port('out')}/`);
  const edge = await start(
    'edge',
    [listener('edge', 'OUTBOUND', tracing, 'a', ', use_remote_address: true')],
    [staticCluster('a', await a.port('in'))],
  );
  return edge.port('edge');
}

/** Passes on what it is asked, and nothing of who asked. */
async function forgetful(port: number, next: string): Promise<http.Server> {
  const server = http.createServer((_request, response) => {
    http.get(next, (answer) => answer.pipe(response));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

/** Of all four passages through a proxy. */
async function logged(): Promise<{ ids: string[]; traces: string[] }> {
  const lines = () => proxies.flatMap((proxy) => proxy.stdout.split('\n').filter((line) => /^[0-9a-f]{8}-/.test(line)));
  await until('all proxies have logged', () => lines().length === 4);
  return { ids: lines().map((line) => line.split(' ')[0]!), traces: lines().map((line) => line.split(' ')[1]!) };
}

describe('one request through edge, sidecar, application and sidecar', () => {
  test('B3: one trace, calls and services sharing their spans', async () => {
    const port = await startChain(ZIPKIN);
    expect((await call(port)).body).toBe('the end');
    await until('all spans are there', () => zipkin.length === 4);
    const { ids, traces } = await logged();
    expect(new Set(ids).size).toBe(1);
    expect(new Set(zipkin.map((span) => span.tags['guid:x-request-id']))).toEqual(new Set(ids));
    expect(new Set(zipkin.map((span) => span.traceId))).toEqual(new Set(traces));
    expect(new Set(traces).size).toBe(1);
    const of = (name: string, kind: string) => zipkin.find((span) => span.localEndpoint.serviceName === name && span.kind === kind)!;
    const edge = of('edge', 'CLIENT');
    expect(edge.parentId).toBeUndefined();
    // Each server's span is its caller's.
    expect(of('a', 'SERVER')).toMatchObject({ id: edge.id, shared: true });
    expect(of('a', 'CLIENT').parentId).toBe(edge.id);
    expect(of('b', 'SERVER')).toMatchObject({ id: of('a', 'CLIENT').id, parentId: edge.id });
    expect(arrived['x-b3-spanid']).toBe(of('b', 'SERVER').id);
  });

  test('B3 in one header stays in one', async () => {
    const port = await startChain(ZIPKIN);
    const trace = '463ac35c9f6413ad48485a3953bb6124';
    await call(port, '/', false, { b3: `${trace}-a2fb4a1d1a96d312-1` });
    await until('all spans are there', () => zipkin.length === 4);
    expect(new Set(zipkin.map((span) => span.traceId))).toEqual(new Set([trace]));
    expect(zipkin.find((span) => span.localEndpoint.serviceName === 'edge')!.parentId).toBe('a2fb4a1d1a96d312');
    expect(arrived['b3']).toMatch(new RegExp(`^${trace}-[0-9a-f]{16}-1-[0-9a-f]{16}$`));
    expect(arrived['x-b3-traceid']).toBeUndefined();
  });

  test('W3C: a chain of parents', async () => {
    const port = await startChain(OTEL, startFastify);
    await call(port, '/', false, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b' });
    await until('all spans are there', () => otlp.length === 4);
    expect(new Set(otlp.map((span) => span.traceId))).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']));
    expect(new Set(otlp.map((span) => span.traceState))).toEqual(new Set(['a=b']));
    expect(new Set((await logged()).ids).size).toBe(1);
    const chain: OtlpSpan[] = [];
    for (let parent = 'b7ad6b7169203331'; ; ) {
      const next = otlp.find((span) => span.parentId === parent);
      if (next === undefined) break;
      chain.push(next);
      parent = next.id;
    }
    expect(chain.map((span) => [span.attributes['node_id'], span.kind])).toEqual([
      ['edge-1', 3],
      ['a-1', 2],
      ['a-1', 3],
      ['b-1', 2],
    ]);
    expect(arrived['traceparent']).toBe(`00-0af7651916cd43dd8448eb211c80319c-${chain[3]!.id}-01`);
  });

  test('B3 with spans of tries: every call is one span of both its ends', async () => {
    const port = await startChain(`${ZIPKIN}, spawn_upstream_span: true`);
    const [trace, caller] = ['463ac35c9f6413ad48485a3953bb6124', 'a2fb4a1d1a96d312'];
    await call(port, '/', false, { 'x-b3-traceid': trace, 'x-b3-spanid': caller, 'x-b3-sampled': '1' });
    await until('all spans are there', () => zipkin.length === 8);
    expect(new Set(zipkin.map((span) => span.traceId))).toEqual(new Set([trace]));
    const passages: string[] = [];
    let id = caller;
    for (;;) {
      const server = zipkin.find((span) => span.kind === 'SERVER' && span.id === id);
      if (server === undefined) break;
      const client = zipkin.find((span) => span.kind === 'CLIENT' && span.parentId === id)!;
      expect(server.shared).toBe(true);
      expect(client.localEndpoint).toEqual(server.localEndpoint);
      passages.push(server.localEndpoint.serviceName);
      id = client.id;
    }
    expect(passages).toEqual(['edge', 'a', 'a', 'b']);
    expect(arrived['x-b3-spanid']).toBe(id);
    expect(new Set((await logged()).ids).size).toBe(1);
  });

  test('W3C with spans of tries: a chain of eight', async () => {
    const port = await startChain(`${OTEL}, spawn_upstream_span: true`);
    await call(port, '/', false, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    await until('all spans are there', () => otlp.length === 8);
    const chain: OtlpSpan[] = [];
    for (let next: OtlpSpan | undefined; ; chain.push(next)) {
      const parent: string = chain.at(-1)?.id ?? 'b7ad6b7169203331';
      next = otlp.find((span) => span.parentId === parent);
      if (next === undefined) break;
    }
    expect(chain.map((span) => [span.kind, span.name.split(' ')[0]])).toEqual(
      ['egress', 'ingress', 'egress', 'ingress'].flatMap((name) => [
        [2, name],
        [3, 'router'],
      ]),
    );
    expect(arrived['traceparent']).toBe(`00-0af7651916cd43dd8448eb211c80319c-${chain[7]!.id}-01`);
    expect(new Set((await logged()).ids).size).toBe(1);
  });

  test('B3 beside W3C: who comes with traceparent goes on with both', async () => {
    const port = await startChain(ZIPKIN.replace('trace_id_128bit: true', 'trace_context_option: USE_B3_WITH_W3C_PROPAGATION'));
    await call(port, '/', false, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    await until('all spans are there', () => zipkin.length === 4);
    expect(new Set(zipkin.map((span) => span.traceId))).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']));
    const last = zipkin.find((span) => span.localEndpoint.serviceName === 'b')!;
    expect(arrived['x-b3-spanid']).toBe(last.id);
    expect(arrived['traceparent']).toBe(`00-0af7651916cd43dd8448eb211c80319c-${last.id}-01`);
    expect(new Set((await logged()).ids).size).toBe(1);
  });

  test('a parent that is not sampled: nobody tells, the context goes through', async () => {
    const port = await startChain(OTEL);
    await call(port, '/', false, { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' });
    const { ids, traces } = await logged();
    expect(new Set(ids).size).toBe(1);
    expect(new Set(traces)).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']));
    expect(arrived['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
    expect(otlp).toEqual([]);
  });

  test('an application that copies nothing begins a trace of its own, whole in itself', async () => {
    const port = await startChain(ZIPKIN, forgetful);
    await call(port);
    await until('all spans are there', () => zipkin.length === 4);
    const traces = new Set(
      zipkin.filter((span) => span.localEndpoint.serviceName === 'edge' || span.kind === 'SERVER').map((s) => s.traceId),
    );
    expect(traces.size).toBe(2);
    const of = (name: string, kind: string) => zipkin.find((span) => span.localEndpoint.serviceName === name && span.kind === kind)!;
    expect(of('a', 'CLIENT').parentId).toBeUndefined();
    expect(of('b', 'SERVER')).toMatchObject({ traceId: of('a', 'CLIENT').traceId, id: of('a', 'CLIENT').id });
    expect(new Set((await logged()).ids).size).toBe(2);
  });

  test('what is not sampled is told to nobody, and everybody knows it', async () => {
    const port = await startChain(`${ZIPKIN}, random_sampling: {value: 0}`);
    await call(port);
    const { ids } = await logged();
    expect(ids[0]![14]).toBe('4');
    expect(arrived['x-b3-sampled']).toBe('0');
    expect(zipkin).toEqual([]);
  });
});

test('spans that wait for company are sent when the proxy ends', async () => {
  const patient = 'layered_runtime: {layers: [{name: s, static_layer: {tracing.zipkin.flush_interval_ms: 3600000}}]}';
  const proxy = await ProxyProcess.start(
    `${ADMIN}${patient}\nstatic_resources: {listeners: [${listener('out', 'OUTBOUND', ZIPKIN, 'end')}], clusters: [${staticCluster('end', portOf(end))}, ${staticCluster('spans', portOf(collector))}]}\n`,
  );
  await call(await proxy.port('out'));
  await call(await proxy.port('out'));
  expect(zipkin).toEqual([]);
  await proxy.admin('/quitquitquit', 'POST');
  await proxy.exited;
  await proxy.stop();
  expect(zipkin).toHaveLength(2);
});
