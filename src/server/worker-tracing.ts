/** Tracing on one worker: one tracer for each provider that connection managers are configured with, however many name the same. */
import type { FilterDeps } from '../filters/api.ts';
import { AsyncClient } from '../filters/http/router/async-client.ts';
import { sleep } from '../runtime/sleep.ts';
import { nextTurn } from '../runtime/turn.ts';
import type { StatsScope } from '../stats/scope.ts';
import { OpenTelemetryTracer } from '../tracing/opentelemetry/tracer.ts';
import { RequestTracing } from '../tracing/request-tracing.ts';
import type { TracerSettings, TracingSettings } from '../tracing/settings.ts';
import { ZipkinTracer } from '../tracing/zipkin/tracer.ts';
import { packageVersion } from './version.ts';

/** For the last spans to reach their collector when the worker is told to end. */
const CLOSE_MS = 1000;

interface SharedTracer {
  readonly key: string;
  readonly tracer: ZipkinTracer | OpenTelemetryTracer;
  /** Connection managers that trace with it. */
  users: number;
}

export class WorkerTracing {
  readonly #deps: FilterDeps;
  readonly #client: AsyncClient;
  readonly #byDefault: TracerSettings | null;
  readonly #tracers = new Map<string, SharedTracer>();

  /** @param byDefault for connection managers that name no provider of their own: bootstrap `tracing.http` */
  constructor(deps: FilterDeps, byDefault: TracerSettings | null) {
    this.#deps = deps;
    this.#client = new AsyncClient(deps);
    this.#byDefault = byDefault;
  }

  /** Providers that something traces with. */
  get tracers(): number {
    return this.#tracers.size;
  }

  requestTracing(settings: TracingSettings, scope: StatsScope, packs: boolean): RequestTracing {
    const provider = settings.provider ?? this.#byDefault;
    const shared = provider === null ? null : this.#acquire(provider);
    const release = (): void => {
      if (shared !== null) this.#release(shared);
    };
    return new RequestTracing(settings, shared?.tracer ?? null, packs, {
      ...this.#deps,
      format: this.#deps.logFormat ?? this.#deps.format,
      scope,
      release,
    });
  }

  /** Sends what has gathered, and waits a moment for the answers. */
  async close(): Promise<void> {
    for (const { tracer } of this.#tracers.values()) tracer.collector.flush();
    const answered = async (): Promise<void> => {
      while (this.#client.active > 0) await nextTurn();
    };
    await Promise.race([answered(), sleep(CLOSE_MS)]);
  }

  /** What has gathered is sent now: nothing will come to wait with it. The answers find their way without the tracer being kept here. */
  #release(shared: SharedTracer): void {
    if (--shared.users > 0) return;
    this.#tracers.delete(shared.key);
    shared.tracer.collector.flush();
  }

  #acquire(settings: TracerSettings): SharedTracer {
    const key = JSON.stringify(settings);
    let shared = this.#tracers.get(key);
    if (shared === undefined) {
      const { clock, runtime, random, rootScope, localInfo } = this.#deps;
      const deps = { clock, runtime, random, rootScope, client: this.#client };
      const endpoint = { serviceName: localInfo.clusterName, ip: localInfo.addressIp };
      const tracer =
        settings.kind === 'zipkin'
          ? new ZipkinTracer(settings, { ...deps, endpoint })
          : new OpenTelemetryTracer(settings, { ...deps, version: packageVersion() });
      shared = { key, tracer, users: 0 };
      this.#tracers.set(key, shared);
    }
    shared.users++;
    return shared;
  }
}
