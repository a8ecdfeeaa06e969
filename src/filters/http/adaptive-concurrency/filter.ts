/** Refuses requests beyond the number that the upstream is found to take at once. Behaviour: spec/resilience.md §2.12. */
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { type FilterDeps, type HttpFilter, type HttpFilterFactory, type HttpStream, PassThroughFilter, Status } from '../../api.ts';
import { GradientController } from './gradient-controller.ts';
import type { AdaptiveConcurrencySettings } from './settings.ts';

class AdaptiveConcurrency implements HttpFilterFactory {
  readonly settings: AdaptiveConcurrencySettings;
  readonly controller: GradientController;
  readonly #deps: FilterDeps;

  constructor(settings: AdaptiveConcurrencySettings, deps: FilterDeps) {
    this.settings = settings;
    this.#deps = deps;
    const block = deps.shared.acquire(`adaptive concurrency ${settings.place} ${JSON.stringify(settings.controller)}`);
    const scope = deps.scope.scope('adaptive_concurrency');
    this.controller = new GradientController(settings.controller, deps.clock, deps.random, block, deps.shared, scope);
  }

  newFilter(): HttpFilter {
    return new AdaptiveConcurrencyFilter(this);
  }

  get enabled(): boolean {
    return this.#deps.runtime.boolean(this.settings.enabled.runtimeKey, this.settings.enabled.value);
  }
}

class AdaptiveConcurrencyFilter extends PassThroughFilter {
  readonly #factory: AdaptiveConcurrency;
  /** The request counts as outstanding. */
  #counted: boolean;
  #startMs: number;
  #startWallMs: number;

  constructor(factory: AdaptiveConcurrency) {
    super();
    this.#factory = factory;
    this.#counted = false;
    this.#startMs = 0;
    this.#startWallMs = 0;
  }

  override onRequestHeaders(stream: HttpStream, _headers: RequestHeaders, _end: boolean): Status {
    const { controller, settings, enabled } = this.#factory;
    // Health checks are faster than what they stand for.
    if (!enabled || stream.info.isHealthCheck) return Status.Continue;
    if (!controller.tryForward()) {
      stream.localReply(settings.exceededStatus, 'reached concurrency limit', 0, 'reached_concurrency_limit');
      return Status.Stop;
    }
    this.#counted = true;
    this.#startMs = stream.clock.nowMs();
    this.#startWallMs = stream.clock.wallMs();
    return Status.Continue;
  }

  override onResponseHeaders(stream: HttpStream, _headers: ResponseHeaders, end: boolean): Status {
    if (end) this.#complete(stream);
    return Status.Continue;
  }

  override onResponseData(stream: HttpStream, _chunk: Buffer, end: boolean): Status {
    if (end) this.#complete(stream);
    return Status.Continue;
  }

  override onResponseTrailers(stream: HttpStream, _trailers: HeaderMap): Status {
    this.#complete(stream);
    return Status.Continue;
  }

  override onStreamEnd(_stream: HttpStream): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.#factory.controller.cancel();
  }

  #complete(stream: HttpStream): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.#factory.controller.record(this.#startWallMs, stream.clock.nowMs() - this.#startMs);
  }
}

export function createAdaptiveConcurrency(settings: AdaptiveConcurrencySettings, deps: FilterDeps): HttpFilterFactory {
  return new AdaptiveConcurrency(settings, deps);
}
