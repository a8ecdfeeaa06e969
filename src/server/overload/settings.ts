/** The overload manager as the control thread runs it. Source: envoy.config.overload.v3.OverloadManager. */
import type { Overload, TimerScaling } from '../../runtime/overload.ts';

export type MonitorSettings =
  | { readonly kind: 'fixed-heap'; readonly name: string; readonly maxBytes: number; readonly runtimeKey: string }
  /** 0 = the cgroup's own limit alone. */
  | { readonly kind: 'cgroup-memory'; readonly name: string; readonly maxBytes: number }
  | { readonly kind: 'cpu'; readonly name: string; readonly container: boolean }
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  | { readonly kind: 'connections'; readonly name: string; readonly max: number };

/** Pressures between 0 and 1. A threshold trigger is one whose two ends are the same. */
export interface TriggerSettings {
  /** Name of the monitor. */
  readonly monitor: string;
  readonly scaling: number;
  readonly saturation: number;
}

/** An action or a load-shed point. */
export interface ReactionSettings {
  readonly name: string;
  readonly triggers: readonly TriggerSettings[];
  /** Where workers read it; null = the control thread carries it out. */
  readonly cell: Overload | null;
}

export interface OverloadSettings {
  readonly refreshIntervalMs: number;
  readonly monitors: readonly MonitorSettings[];
  readonly actions: readonly ReactionSettings[];
  readonly points: readonly ReactionSettings[];
  readonly timers: readonly TimerScaling[];
  /** reset_high_memory_stream: streams that hold at least 2 to this power bytes are looked at; 0 = none. */
  readonly minimumAccountPower: number;
  /** shrink_heap: milliseconds between collections while active. */
  readonly shrinkIntervalMs: number;
}
