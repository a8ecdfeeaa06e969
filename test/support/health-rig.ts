/** Health checking on simulated time, with probes whose answers a test gives. */
import { CheckedHost } from '../../src/cluster/health-check/checked-host.ts';
import { type EventLog, HealthEvents } from '../../src/cluster/health-check/events.ts';
import { HealthChecker, HealthCheckStats } from '../../src/cluster/health-check/health-checker.ts';
import type { Probe, ProbeListener } from '../../src/cluster/health-check/probe.ts';
import type { HealthCheckSettings } from '../../src/cluster/health-check/settings.ts';
import { type HostRecord, hostRecord } from '../../src/cluster/host-update.ts';
import { DEFAULT_ENDPOINT } from '../../src/cluster/settings.ts';
import { HealthFlag, HOST_CELLS } from '../../src/lb/host.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from './plain-stats.ts';

export const CHECK: HealthCheckSettings = {
  timeoutMs: 100,
  intervalMs: 1000,
  initialJitterMs: 0,
  intervalJitterMs: 0,
  intervalJitterPercent: 0,
  noTrafficIntervalMs: 60_000,
  noTrafficHealthyIntervalMs: 60_000,
  unhealthyIntervalMs: 1000,
  unhealthyEdgeIntervalMs: 1000,
  healthyEdgeIntervalMs: 1000,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  reuseConnection: true,
  logFailures: false,
  logSuccesses: false,
  eventLogs: [],
  alpn: [],
  transportSocketCriteria: null,
  check: { kind: 'TCP', send: '', receive: [] },
};

export function record(slot: number, more: Partial<HostRecord> = {}): HostRecord {
  return { ...hostRecord({ ...DEFAULT_ENDPOINT, host: '10.0.0.1', port: 80 + slot }, '10.0.0.1', null, 0, slot), ...more };
}

export class FakeProbe implements Probe {
  readonly host: CheckedHost;
  readonly listener: ProbeListener;
  /** Clock times at which checks began. */
  readonly starts: number[] = [];
  aborted = 0;
  closed = false;
  readonly #clock: SimulatedClock;

  constructor(host: CheckedHost, listener: ProbeListener, clock: SimulatedClock) {
    this.host = host;
    this.listener = listener;
    this.#clock = clock;
  }
  start(): void {
    this.starts.push(this.#clock.nowMs());
  }
  abort(): void {
    this.aborted++;
  }
  close(): void {
    this.closed = true;
  }
}

export class HealthRig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly cells = new Int32Array(64 * HOST_CELLS);
  readonly lines: Record<string, unknown>[] = [];
  readonly results: { slot: number; changed: boolean; healthy: boolean }[] = [];
  readonly probes: FakeProbe[] = [];
  traffic = true;
  readonly checker: HealthChecker;

  constructor(settings: Partial<HealthCheckSettings> = {}, runtime: Record<string, string> = {}, seed = 1) {
    const log: EventLog = { write: (line) => void this.lines.push(JSON.parse(line) as Record<string, unknown>) };
    this.checker = new HealthChecker(
      { ...CHECK, ...settings },
      {
        clock: this.clock,
        random: seededRandom(seed),
        runtime: new StaticRuntime(new Map(Object.entries(runtime))),
        stats: new HealthCheckStats(this.stats.scope('cluster.c')),
        events: new HealthEvents([log], this.clock, 'TCP', 'c'),
        newProbe: (host, listener) => {
          const probe = new FakeProbe(host, listener, this.clock);
          this.probes.push(probe);
          return probe;
        },
        trafficSeen: () => this.traffic,
        onResult: (host, changed, healthy) => void this.results.push({ slot: host.slot, changed, healthy }),
      },
    );
  }

  /** A host that has just come. */
  add(slot = 0, flags: number = HealthFlag.FailedActiveHc): FakeProbe {
    const host = new CheckedHost(this.cells, slot, record(slot));
    host.change(flags, 0);
    this.checker.add(host);
    return this.probes.at(-1)!;
  }

  stat(name: string): number {
    this.checker.refreshGauges();
    return this.stats.value('cluster.c.health_check.' + name);
  }
}
