/** Source: envoy.config.overload.v3.OverloadManager and the resource monitors of envoy.extensions.resource_monitors. */
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import {
  type OverloadAction,
  type OverloadManager,
  type ScaleTimersOverloadActionConfig,
  ScaleTimersOverloadActionConfig_TimerType as TimerType,
  type Trigger,
} from '../../config/gen/envoy/config/overload/v3/overload_pb.js';
import type { ShrinkHeapConfig } from '../../config/gen/envoy/config/overload/v3/shrink_heap_config_pb.js';
import type { CgroupMemoryConfig } from '../../config/gen/envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory_pb.js';
import {
  type CpuUtilizationConfig,
  CpuUtilizationConfig_UtilizationComputeStrategy as Strategy,
} from '../../config/gen/envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization_pb.js';
import type { DownstreamConnectionsConfig } from '../../config/gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js';
import type { FixedHeapConfig } from '../../config/gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.js';
import type { InjectedResourceConfig } from '../../config/gen/envoy/extensions/resource_monitors/injected_resource/v3/injected_resource_pb.js';
import { didYouMean } from '../../config/suggest.ts';
import { durationMs } from '../../http/config.ts';
import { Overload, ScaledTimer, type TimerScaling } from '../../runtime/overload.ts';
import type { MonitorSettings, OverloadSettings, ReactionSettings, TriggerSettings } from './settings.ts';

const ACTION = 'envoy.overload_actions.';
const POINT = 'envoy.load_shed_points.';
const MONITOR = 'envoy.extensions.resource_monitors.';

/** Cells of the actions; null = the control thread acts. */
const ACTIONS: Readonly<Record<string, Overload | null>> = {
  [`${ACTION}stop_accepting_requests`]: Overload.StopRequests,
  [`${ACTION}disable_http_keepalive`]: Overload.DisableKeepalive,
  [`${ACTION}stop_accepting_connections`]: null,
  [`${ACTION}reject_incoming_connections`]: Overload.RejectConnections,
  [`${ACTION}shrink_heap`]: null,
  [`${ACTION}reduce_timeouts`]: Overload.ReduceTimeouts,
  [`${ACTION}reset_high_memory_stream`]: null,
};
const POINTS: Readonly<Record<string, Overload>> = {
  [`${POINT}tcp_listener_accept`]: Overload.TcpAccept,
  [`${POINT}http_connection_manager_decode_headers`]: Overload.DecodeHeaders,
  [`${POINT}http1_server_abort_dispatch`]: Overload.Http1Dispatch,
  [`${POINT}http2_server_go_away_on_dispatch`]: Overload.Http2GoAway,
  [`${POINT}http2_server_go_away_and_close_on_dispatch`]: Overload.Http2GoAwayAndClose,
  [`${POINT}http_downstream_filter_check`]: Overload.FilterCheck,
  [`${POINT}hcm_ondata_creating_codec`]: Overload.CreateCodec,
  [`${POINT}connection_pool_new_connection`]: Overload.NewUpstreamConnection,
};
const TIMERS: Readonly<Record<number, ScaledTimer>> = {
  [TimerType.HTTP_DOWNSTREAM_CONNECTION_IDLE]: ScaledTimer.ConnectionIdle,
  [TimerType.HTTP_DOWNSTREAM_STREAM_IDLE]: ScaledTimer.StreamIdle,
  [TimerType.HTTP_DOWNSTREAM_CONNECTION_MAX]: ScaledTimer.ConnectionMax,
  [TimerType.TRANSPORT_SOCKET_CONNECT]: ScaledTimer.TransportSocketConnect,
};
const SHRINK_INTERVAL_MS = 10_000;

export function compileOverloadManager(message: OverloadManager | undefined, at: CompileContext): OverloadSettings | null {
  if (message === undefined) return null;
  const monitors: MonitorSettings[] = [];
  const names = new Set<string>();
  message.resourceMonitors.forEach((monitor, i) => {
    const here = at.field('resource_monitors', i);
    if (names.has(monitor.name)) here.field('name').error(`Duplicate resource monitor ${monitor.name}`);
    names.add(monitor.name);
    const any = monitor.configType.case === 'typedConfig' ? monitor.configType.value : undefined;
    const settings = compileMonitor(monitor.name, anyTypeName(any), here.field('typed_config').unpack(any), here.field('typed_config'));
    if (settings !== null) monitors.push(settings);
  });

  const compileAll = (
    list: readonly { readonly name: string; readonly triggers: readonly Trigger[] }[],
    field: string,
    what: string,
    cells: Readonly<Record<string, Overload | null>>,
    onUnknown: (name: string, here: CompileContext) => void,
  ): ReactionSettings[] => {
    const seen = new Set<string>();
    return list.flatMap(({ name, triggers }, i) => {
      const here = at.field(field, i);
      const cell = cells[name];
      if (cell === undefined) {
        onUnknown(name, here.field('name'));
        return [];
      }
      if (seen.has(name)) here.field('name').error(`Duplicate ${what} ${name}`);
      seen.add(name);
      return [{ name, cell, triggers: compileTriggers(triggers, names, `${what} ${name}`, here) }];
    });
  };
  const actions = compileAll(message.actions, 'actions', 'overload action', ACTIONS, (name, here) =>
    here.error(`Unknown Overload Manager Action ${name}${didYouMean(name, Object.keys(ACTIONS))}`),
  );
  const points = compileAll(message.loadshedPoints, 'loadshed_points', 'loadshed point', POINTS, (name, here) =>
    here.notImplemented(`load shed point ${name} is not supported by Outrider yet`),
  );

  let timers: readonly TimerScaling[] = [];
  let shrink: ShrinkHeapConfig | null = null;
  message.actions.forEach((action, i) => {
    const here = at.field('actions', i);
    if (action.name === `${ACTION}reduce_timeouts`) timers = compileTimers(action, here);
    else if (action.name === `${ACTION}shrink_heap` && action.typedConfig !== undefined)
      shrink = here.field('typed_config').unpackAs<ShrinkHeapConfig>(action.typedConfig, 'envoy.config.overload.v3.ShrinkHeapConfig');
    else if (action.typedConfig !== undefined)
      here.field('typed_config').error(`Overload action "${action.name}" has an unexpected value for the typed_config field`);
    if (action.name === `${ACTION}reset_high_memory_stream` && message.bufferFactoryConfig === undefined)
      here.error(`Overload action "${action.name}" requires buffer_factory_config.`);
  });
  const shrinkConfig = shrink as ShrinkHeapConfig | null;
  return {
    refreshIntervalMs: Math.max(1, durationMs(message.refreshInterval) ?? 1000),
    monitors,
    actions,
    points,
    timers,
    minimumAccountPower: message.bufferFactoryConfig?.minimumAccountToTrackPowerOfTwo ?? 0,
    shrinkIntervalMs: durationMs(shrinkConfig?.timerInterval) ?? SHRINK_INTERVAL_MS,
  };
}

function compileMonitor(name: string, type: string, message: unknown, at: CompileContext): MonitorSettings | null {
  if (message === null) return null;
  switch (type) {
    case `${MONITOR}fixed_heap.v3.FixedHeapConfig`: {
      const { maxHeapSizeBytes, maxHeapSizeBytesRuntime } = message as FixedHeapConfig;
      const maxBytes = Number(maxHeapSizeBytesRuntime?.defaultValue ?? maxHeapSizeBytes);
      if (maxBytes === 0) at.error('fixed_heap: max heap size must be greater than 0');
      return { kind: 'fixed-heap', name, maxBytes, runtimeKey: maxHeapSizeBytesRuntime?.runtimeKey ?? '' };
    }
    case `${MONITOR}cgroup_memory.v3.CgroupMemoryConfig`:
      return { kind: 'cgroup-memory', name, maxBytes: Number((message as CgroupMemoryConfig).maxMemoryBytes) };
    case `${MONITOR}cpu_utilization.v3.CpuUtilizationConfig`:
      return { kind: 'cpu', name, container: (message as CpuUtilizationConfig).mode === Strategy.CONTAINER };
    case `${MONITOR}injected_resource.v3.InjectedResourceConfig`:
      return { kind: 'file', name, path: (message as InjectedResourceConfig).filename };
    case `${MONITOR}downstream_connections.v3.DownstreamConnectionsConfig`:
      // Envoy knows it by this name alone: it is asked before each connection, and triggers nothing.
      return { kind: 'connections', name, max: Number((message as DownstreamConnectionsConfig).maxActiveDownstreamConnections) };
    default:
      at.notImplemented(`resource monitor ${type} is not supported by Outrider yet`);
      return null;
  }
}

function compileTriggers(triggers: readonly Trigger[], known: ReadonlySet<string>, owner: string, at: CompileContext): TriggerSettings[] {
  const seen = new Set<string>();
  return triggers.flatMap((trigger, i) => {
    const here = at.field('triggers', i);
    if (!known.has(trigger.name))
      here.field('name').error(`Unknown trigger resource ${trigger.name} for ${owner}${didYouMean(trigger.name, known)}`);
    if (seen.has(trigger.name)) here.field('name').error(`Duplicate trigger resource for ${owner}`);
    seen.add(trigger.name);
    const kind = trigger.triggerOneof;
    if (kind.case === 'threshold') return [{ monitor: trigger.name, scaling: kind.value.value, saturation: kind.value.value }];
    if (kind.case !== 'scaled') return [];
    const { scalingThreshold, saturationThreshold } = kind.value;
    if (scalingThreshold >= saturationThreshold) here.field('scaled').error('scaling_threshold must be less than saturation_threshold');
    return [{ monitor: trigger.name, scaling: scalingThreshold, saturation: saturationThreshold }];
  });
}

function compileTimers(action: OverloadAction, at: CompileContext): readonly TimerScaling[] {
  if (action.typedConfig === undefined) {
    at.error(`Overload action "${action.name}" requires typed_config`);
    return [];
  }
  const here = at.field('typed_config');
  const message = here.unpackAs<ScaleTimersOverloadActionConfig>(
    action.typedConfig,
    'envoy.config.overload.v3.ScaleTimersOverloadActionConfig',
  );
  const seen = new Set<ScaledTimer>();
  return (message?.timerScaleFactors ?? []).flatMap((factor, i): TimerScaling[] => {
    const place = here.field('timer_scale_factors', i);
    const timer = TIMERS[factor.timer];
    if (timer === undefined) {
      place.field('timer').notImplemented('this timer is not supported by Outrider yet');
      return [];
    }
    if (seen.has(timer)) place.field('timer').error('Found duplicate entry for timer type');
    seen.add(timer);
    const adjust = factor.overloadAdjust;
    if (adjust.case === 'minTimeout') return [{ timer, minMs: durationMs(adjust.value), minScale: 0 }];
    return [{ timer, minMs: null, minScale: (adjust.case === 'minScale' ? adjust.value.value : 100) / 100 }];
  });
}
