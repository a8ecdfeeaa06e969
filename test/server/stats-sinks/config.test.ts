import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { messageType } from '../../../src/config/api-registry.ts';
import { CompileContext, namedSource, ProblemList } from '../../../src/config/context.ts';
import type { StatsSink } from '../../../src/config/gen/envoy/config/metrics/v3/stats_pb.js';
import { compileStatsSinks } from '../../../src/server/stats-sinks/config.ts';

function compile(type: string, fields: { readonly [key: string]: JsonValue }, node = { id: 'n', cluster: 'c' }) {
  const list = new ProblemList(namedSource('test'));
  const inner = messageType(type);
  const message = {
    ...(create(messageType('envoy.config.metrics.v3.StatsSink')) as StatsSink),
    configType: { case: 'typedConfig' as const, value: anyPack(inner, fromJson(inner, fields)) },
  };
  const at = new CompileContext(list, { allowUnsupported: false });
  const settings = compileStatsSinks([message], at, { node, clusterExists: (name) => name === 'there' });
  return { settings, problems: list.problems.map((p) => `${p.path}: ${p.message}`) };
}

const STATSD = 'envoy.config.metrics.v3.StatsdSink';
const udp = (address: string) => ({ address: { socketAddress: { address, portValue: 8125, protocol: 'UDP' } } });

describe('stats_sinks', () => {
  test('statsd over UDP', () => {
    expect(compile(STATSD, udp('127.0.0.1')).settings).toEqual([
      { kind: 'udp-statsd', ip: '127.0.0.1', port: 8125, prefix: 'envoy', tags: 'none', maxDatagramBytes: 0 },
    ]);
    expect(compile(STATSD, udp('stats.test')).problems[0]).toMatch(/malformed IP address: stats\.test/);
    expect(compile(STATSD, { address: { pipe: { path: '/x' } } }).problems[0]).toMatch(/pipe/);
  });

  test('statsd over TCP needs its cluster, and a node', () => {
    expect(compile(STATSD, { tcpClusterName: 'there', prefix: 'p' }).settings).toEqual([
      { kind: 'tcp-statsd', cluster: 'there', prefix: 'p' },
    ]);
    const { problems } = compile(STATSD, { tcpClusterName: 'gone' }, { id: '', cluster: 'c' });
    expect(problems).toEqual([
      expect.stringContaining("tcp statsd: unknown cluster 'gone'"),
      expect.stringContaining("tcp statsd: node 'id' and 'cluster' are required"),
    ]);
  });

  test('services behind clusters', () => {
    const otlp = 'envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig';
    expect(compile(otlp, { grpcService: { envoyGrpc: { clusterName: 'gone' } } }).problems[0]).toMatch(
      /Unknown gRPC client cluster 'gone'/,
    );
    const { settings } = compile(otlp, {
      httpService: { httpUri: { uri: 'https://otel.test:4318/v1/metrics', cluster: 'there', timeout: '2s' } },
    });
    expect(settings[0]).toMatchObject({
      service: {
        cluster: 'there',
        path: '/v1/metrics',
        authority: 'otel.test:4318',
        timeoutMs: 2000,
        headers: [['content-type', 'application/x-protobuf']],
      },
      tagsAsAttributes: true,
      tagExtractedNames: true,
    });
  });

  test('what resource detectors find', () => {
    const type = 'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig';
    const desc = messageType(type);
    const config = anyPack(desc, fromJson(desc, { attributes: { 'service.name': 'edge', zone: 'z1' } }));
    const otlp = messageType('envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig');
    const message = create(otlp, {
      protocolSpecifier: { case: 'grpcService', value: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: 'there' } } } },
      resourceDetectors: [{ name: 'd', typedConfig: config }],
    } as never);
    const sink = { name: 's', configType: { case: 'typedConfig' as const, value: anyPack(otlp, message) } } as unknown as StatsSink;
    const list = new ProblemList(namedSource('test'));
    const at = new CompileContext(list, { allowUnsupported: false });
    const [settings] = compileStatsSinks([sink], at, { node: { id: 'n', cluster: 'c' }, clusterExists: () => true });
    expect(list.problems).toEqual([]);
    expect(settings).toMatchObject({
      resource: [
        ['service.name', 'edge'],
        ['zone', 'z1'],
      ],
    });
  });

  test('a sink that there is not is refused', () => {
    expect(compile('envoy.config.metrics.v3.HystrixSink', {}).problems[0]).toMatch(/not supported|not implemented/i);
  });
});
