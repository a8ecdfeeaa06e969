import { describe, expect, test } from 'vitest';
import type { OverloadManager } from '../../../src/config/gen/envoy/config/overload/v3/overload_pb.js';
import { loadMessage } from '../../../src/config/load-message.ts';
import { Overload, ScaledTimer } from '../../../src/runtime/overload.ts';
import { compileOverloadManager } from '../../../src/server/overload/config.ts';

const MONITORS = 'type.googleapis.com/envoy.extensions.resource_monitors';
const HEAP = `{name: heap, typed_config: {"@type": ${MONITORS}.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: 1000}}`;

function compile(yaml: string) {
  const loaded = loadMessage<OverloadManager>('envoy.config.overload.v3.OverloadManager', { yamlOverlay: yaml });
  const settings = compileOverloadManager(loaded.partial!, loaded.context);
  return { settings: settings!, problems: loaded.context.list.problems.map((p) => p.message) };
}

test('every monitor, and triggers of both kinds', () => {
  const { settings, problems } = compile(`
refresh_interval: 0.25s
resource_monitors:
- ${HEAP}
- {name: cgroup, typed_config: {"@type": ${MONITORS}.cgroup_memory.v3.CgroupMemoryConfig, max_memory_bytes: 5}}
- {name: cpu, typed_config: {"@type": ${MONITORS}.cpu_utilization.v3.CpuUtilizationConfig, mode: CONTAINER}}
- {name: file, typed_config: {"@type": ${MONITORS}.injected_resource.v3.InjectedResourceConfig, filename: /p}}
- {name: all, typed_config: {"@type": ${MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: 7}}
actions:
- {name: envoy.overload_actions.stop_accepting_requests, triggers: [{name: heap, threshold: {value: 0.9}}, {name: cpu, scaled: {scaling_threshold: 0.5, saturation_threshold: 0.8}}]}
- {name: envoy.overload_actions.reduce_timeouts, triggers: [{name: heap, threshold: {value: 0.9}}], typed_config: {"@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig, timer_scale_factors: [{timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_scale: {value: 20}}]}}
loadshed_points: [{name: envoy.load_shed_points.tcp_listener_accept, triggers: [{name: file, threshold: {value: 0.5}}]}]
`);
  expect(problems).toEqual([]);
  expect(settings.refreshIntervalMs).toBe(250);
  expect(settings.monitors.map(({ kind }) => kind)).toEqual(['fixed-heap', 'cgroup-memory', 'cpu', 'file', 'connections']);
  expect(settings.actions[0]).toEqual({
    name: 'envoy.overload_actions.stop_accepting_requests',
    cell: Overload.StopRequests,
    triggers: [
      { monitor: 'heap', scaling: 0.9, saturation: 0.9 },
      { monitor: 'cpu', scaling: 0.5, saturation: 0.8 },
    ],
  });
  expect(settings.timers).toEqual([{ timer: ScaledTimer.StreamIdle, minMs: null, minScale: 0.2 }]);
  expect(settings.points[0]!.cell).toBe(Overload.TcpAccept);
});

describe('what Envoy refuses, in its words', () => {
  const action = (name: string, trigger = 'heap', more = '') =>
    `{name: envoy.overload_actions.${name}, triggers: [{name: ${trigger}, threshold: {value: 0.9}}]${more}}`;
  test.each([
    [`actions: [${action('nonsense')}]`, 'Unknown Overload Manager Action envoy.overload_actions.nonsense'],
    [`actions: [${action('stop_accepting_requests')}, ${action('stop_accepting_requests')}]`, 'Duplicate overload action'],
    [`actions: [${action('stop_accepting_requests', 'heaps')}]`, 'Unknown trigger resource heaps for overload action'],
    [`actions: [${action('reduce_timeouts')}]`, 'Overload action "envoy.overload_actions.reduce_timeouts" requires typed_config'],
    [`actions: [${action('reset_high_memory_stream')}]`, 'requires buffer_factory_config.'],
    [
      'actions: [{name: envoy.overload_actions.shrink_heap, triggers: [{name: heap, scaled: {scaling_threshold: 0.9, saturation_threshold: 0.5}}]}]',
      'scaling_threshold must be less than saturation_threshold',
    ],
    [
      'loadshed_points: [{name: envoy.load_shed_points.of_another_version, triggers: [{name: heap, threshold: {value: 0.9}}]}]',
      'not supported by Outrider yet',
    ],
  ])('%s', (yaml, message) => {
    expect(compile(`resource_monitors: [${HEAP}]\n${yaml}`).problems.join('\n')).toContain(message);
  });

  test('two monitors of one name', () => {
    expect(compile(`resource_monitors: [${HEAP}, ${HEAP}]`).problems).toEqual(['Duplicate resource monitor heap']);
  });
});
