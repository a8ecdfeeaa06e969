/**
 * Weights that backends' own reports make: what a host serves for each part of it that is busy (gRFC A58). Source:
 * envoy.extensions.load_balancing_policies.client_side_weighted_round_robin. Each worker goes by the responses that it has seen.
 */
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';
import type { Host } from './host.ts';
import { type OrcaReport, readOrcaReport } from './orca-report.ts';

export interface ClientSideWeightSettings {
  /** A host's reports do not count for so long after its first. */
  readonly blackoutMs: number;
  /** A host that has not reported for so long has none. */
  readonly expirationMs: number;
  readonly updateMs: number;
  /** What an error costs, as utilization: errors per request times this. */
  readonly errorPenalty: number;
  /** Looked at where there is no application_utilization; the greatest counts. Then cpu_utilization. */
  readonly metricNames: readonly string[];
  /** Hosts are asked for their load apart from requests; null = their responses tell it. */
  readonly outOfBand: OutOfBandSettings | null;
}

/** Source: enable_oob_load_report, oob_reporting_period, oob_reporting_config. */
export interface OutOfBandSettings {
  readonly periodMs: number;
  /** 0 = that of the host. */
  readonly port: number;
  /** '' = that of the host. */
  readonly authority: string;
  /** Stand for the host's metadata where transport sockets are matched; null. */
  readonly transportSocketCriteria: Readonly<Record<string, unknown>> | null;
}

/** What a host has told the control thread of its load. Plain data. */
export interface ToldLoad {
  /** Offset of the host's cells in the slab. */
  readonly slot: number;
  readonly weight: number;
  /** Since when it has been telling, before now. */
  readonly forMs: number;
}

/** As much of HTTP headers or trailers as is read. */
interface Fields {
  get(name: string): string | undefined;
}

const NEVER = Number.POSITIVE_INFINITY;

class HostLoad {
  weight = 0;
  /** NEVER: nothing that counts. */
  sinceMs = NEVER;
  updatedMs = 0;
}

const MAX_WEIGHT = 0xffffffff;
const MIN_UPDATE_MS = 100;

export class ClientSideWeights implements TimerTarget {
  readonly #settings: ClientSideWeightSettings;
  readonly #clock: Clock;
  readonly #hosts: () => readonly (readonly Host[])[];
  readonly #changed: () => void;
  readonly #timer = new Timer(this, 0);
  readonly #loads = new WeakMap<Host, HostLoad>();

  /** @param hosts by priority, as they are now @param changed weights of some are others now */
  constructor(settings: ClientSideWeightSettings, clock: Clock, hosts: () => readonly (readonly Host[])[], changed: () => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#hosts = hosts;
    this.#changed = changed;
    this.#arm();
  }

  /** Headers or trailers of a response. @returns true if they carried a report */
  onResponse(host: Host, fields: Fields): boolean {
    const bin = fields.get('endpoint-load-metrics-bin');
    const plain = fields.get('endpoint-load-metrics');
    if (bin === undefined && plain === undefined) return false;
    const report = readOrcaReport(bin, plain);
    if (report === null) return false;
    const weight = weightOf(report, this.#settings);
    if (weight > 0) this.#note(host, weight, 0);
    return true;
  }

  /** The control thread has heard of hosts' loads. */
  onTold(loads: readonly ToldLoad[]): void {
    const bySlot = new Map(loads.map((load) => [load.slot, load]));
    for (const hosts of this.#hosts())
      for (const host of hosts) {
        const told = bySlot.get(host.base);
        if (told !== undefined) this.#note(host, told.weight, told.forMs);
      }
  }

  #note(host: Host, weight: number, forMs: number): void {
    let load = this.#loads.get(host);
    if (load === undefined) {
      load = new HostLoad();
      this.#loads.set(host, load);
    }
    load.weight = weight;
    load.updatedMs = this.#clock.nowMs();
    if (load.sinceMs === NEVER) load.sinceMs = load.updatedMs - forMs;
  }

  stop(): void {
    this.#clock.disarm(this.#timer);
  }

  onTimer(): void {
    let changed = false;
    for (const hosts of this.#hosts()) if (this.#update(hosts)) changed = true;
    if (changed) this.#changed();
    this.#arm();
  }

  #arm(): void {
    this.#clock.arm(this.#timer, Math.max(this.#settings.updateMs, MIN_UPDATE_MS));
  }

  /** Hosts without a weight of their own get the median of the others. */
  #update(hosts: readonly Host[]): boolean {
    const known: number[] = [];
    const unknown: Host[] = [];
    let changed = false;
    const set = (host: Host, weight: number): void => {
      changed ||= host.weight !== weight;
      host.weight = weight;
    };
    for (const host of hosts) {
      const weight = this.#validWeight(host);
      if (weight === 0) unknown.push(host);
      else {
        known.push(weight);
        set(host, weight);
      }
    }
    const usual = median(known);
    for (const host of unknown) set(host, usual);
    return changed;
  }

  /** 0: none that counts now. */
  #validWeight(host: Host): number {
    const load = this.#loads.get(host);
    if (load === undefined || load.sinceMs === NEVER) return 0;
    const now = this.#clock.nowMs();
    if (now - load.sinceMs < this.#settings.blackoutMs) return 0;
    if (now - load.updatedMs > this.#settings.expirationMs) {
      // The next report begins a blackout of its own.
      load.sinceMs = NEVER;
      return 0;
    }
    return load.weight;
  }
}

/** Requests a second for each unit of utilization; 0 when the report does not tell. */
export function weightOf({ metrics }: OrcaReport, { metricNames, errorPenalty }: ClientSideWeightSettings): number {
  const rps = metrics.get('rps_fractional') ?? 0;
  let utilization = metrics.get('application_utilization') ?? 0;
  if (utilization <= 0) for (const name of metricNames) utilization = Math.max(utilization, metrics.get(name) ?? 0);
  if (utilization <= 0) utilization = metrics.get('cpu_utilization') ?? 0;
  if (!(rps > 0) || !(utilization > 0)) return 0;
  utilization += (errorPenalty * (metrics.get('eps') ?? 0)) / rps;
  return Math.floor(Math.min(rps / utilization, MAX_WEIGHT));
}

/** 1 of nothing. */
function median(weights: number[]): number {
  if (weights.length === 0) return 1;
  weights.sort((a, b) => a - b);
  const middle = weights.length >> 1;
  return weights.length % 2 === 1 ? weights[middle]! : Math.floor((weights[middle - 1]! + weights[middle]!) / 2);
}
