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

export class WorkerTracing {
  readonly #deps: FilterDeps;
  readonly #client: AsyncClient;
  readonly #tracers = new Map<string, ZipkinTracer | OpenTelemetryTracer>();

  constructor(deps: FilterDeps) {
    this.#deps = deps;
    this.#client = new AsyncClient(deps);
  }

  requestTracing(settings: TracingSettings, scope: StatsScope, packs: boolean): RequestTracing {
    const tracer = settings.provider === null ? null : this.#tracer(settings.provider);
    return new RequestTracing(settings, tracer, packs, { ...this.#deps, scope });
  }

  /** Sends what has gathered, and waits a moment for the answers. */
  async close(): Promise<void> {
    for (const { collector } of this.#tracers.values()) collector.flush();
    const answered = async (): Promise<void> => {
      while (this.#client.active > 0) await nextTurn();
    };
    await Promise.race([answered(), sleep(CLOSE_MS)]);
  }

  #tracer(settings: TracerSettings): ZipkinTracer | OpenTelemetryTracer {
    const key = JSON.stringify(settings);
    let tracer = this.#tracers.get(key);
    if (tracer === undefined) {
      const { clock, runtime, random, rootScope, localInfo } = this.#deps;
      const deps = { clock, runtime, random, rootScope, client: this.#client };
      const endpoint = { serviceName: localInfo.clusterName, ip: localInfo.addressIp };
      tracer =
        settings.kind === 'zipkin'
          ? new ZipkinTracer(settings, { ...deps, endpoint })
          : new OpenTelemetryTracer(settings, { ...deps, version: packageVersion() });
      this.#tracers.set(key, tracer);
    }
    return tracer;
  }
}
