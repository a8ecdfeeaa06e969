/**
 * Injects faults for tests of how callers take them: delays, answers of its own in place of the upstream's, slow responses. Behaviour:
 * Envoy's FaultFilter.
 */
import type { HeaderMap, RequestHeaders } from '../../../http/header-map.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { SharedBlock } from '../../../lb/shared-blocks.ts';
import { localBlock } from '../../../lb/shared-blocks.ts';
import { TokenBucket } from '../../../resilience/token-bucket.ts';
import type { Route } from '../../../route/route.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { Counter, Gauge, StatsScope } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { type LimitedDirection, StreamRateLimiter } from '../../stream-rate-limiter.ts';
import { FaultRules, NO_FAULT } from './fault-rules.ts';
import type { FaultSettings } from './settings.ts';

/** StreamRateLimiter::DefaultFillInterval. */
const FILL_INTERVAL_MS = 50;

class FaultStats {
  readonly abortsInjected: Counter;
  readonly delaysInjected: Counter;
  readonly faultsOverflow: Counter;
  readonly responseRlInjected: Counter;
  readonly activeFaults: Gauge;
  readonly #http: StatsScope;

  /** @param http `http.<stat_prefix>.` */
  constructor(http: StatsScope) {
    const scope = http.scope('fault');
    this.#http = http;
    this.abortsInjected = scope.counter('aborts_injected');
    this.delaysInjected = scope.counter('delays_injected');
    this.faultsOverflow = scope.counter('faults_overflow');
    this.responseRlInjected = scope.counter('response_rl_injected');
    this.activeFaults = scope.gauge('active_faults');
  }

  /** @param cluster x-envoy-downstream-service-cluster of the request */
  countFor(cluster: string, name: string): void {
    this.#http.tagged('fault', 'envoy.fault_downstream_cluster', cluster).counter(name).inc();
  }
}

class FaultFactory implements HttpFilterFactory {
  readonly deps: FilterDeps;
  readonly stats: FaultStats;
  readonly downstreamClusterStats: boolean;
  readonly #rules: FaultRules;
  readonly #ofRoutes = new WeakMap<FaultSettings, FaultRules>();
  readonly #nothing = new PassThroughFilter();
  /** Whose active faults count together. */
  readonly #counted: string;
  /** The first cell counts active faults over all workers. */
  #active: SharedBlock | null = null;

  constructor(settings: FaultSettings, deps: FilterDeps) {
    this.deps = deps;
    this.stats = new FaultStats(deps.scope);
    this.downstreamClusterStats = settings.downstreamClusterStats;
    this.#rules = new FaultRules(settings, deps.runtime, deps.random);
    // Envoy goes by its gauge, which filters of one stat_prefix have in common.
    this.#counted = deps.statPrefix === undefined ? settings.place : 'stat_prefix ' + deps.statPrefix;
  }

  newFilter(route: Route | null, name: string): HttpFilter {
    const own = route === null ? undefined : (route.filterSettings(name) as FaultSettings | undefined);
    const rules = own === undefined ? this.#rules : this.#rulesOf(own);
    const { delay, abort, rateLimit } = rules.settings;
    if (rateLimit !== null) return new ResponseFaultFilter(this, rules, name);
    return delay === null && abort === null ? this.#nothing : new FaultFilter(this, rules, name);
  }

  /** Counts one more active fault; false if there are too many. */
  begin(max: number): boolean {
    const block = this.#activeBlock();
    if (Atomics.load(block.cells, block.base) >= max) {
      this.stats.faultsOverflow.inc();
      return false;
    }
    this.#count(block, 1);
    this.stats.activeFaults.inc();
    return true;
  }

  end(): void {
    this.#count(this.#activeBlock(), -1);
    this.stats.activeFaults.dec();
  }

  #activeBlock(): SharedBlock {
    this.#active ??= this.deps.shared.acquire(`${this.#counted} active faults`);
    return this.#active;
  }

  #count(block: SharedBlock, change: number): void {
    Atomics.add(block.cells, block.base, change);
    if (block.ledger !== null) block.ledger[block.base]! += change;
  }

  #rulesOf(settings: FaultSettings): FaultRules {
    let rules = this.#ofRoutes.get(settings);
    if (rules === undefined) {
      rules = new FaultRules(settings, this.deps.runtime, this.deps.random);
      this.#ofRoutes.set(settings, rules);
    }
    return rules;
  }
}

class FaultFilter extends PassThroughFilter implements TimerTarget {
  protected readonly factory: FaultFactory;
  protected readonly rules: FaultRules;
  protected stream: HttpStream | null;
  #delay: Timer | null;
  /** This request counts as an active fault. */
  #active: boolean;
  /** x-envoy-downstream-service-cluster. */
  #from: string;
  /** In the chain. */
  readonly #name: string;

  constructor(factory: FaultFactory, rules: FaultRules, name: string) {
    super();
    this.factory = factory;
    this.rules = rules;
    this.stream = null;
    this.#delay = null;
    this.#active = false;
    this.#from = '';
    this.#name = name;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders): Status {
    const rules = this.rules;
    if (!rules.appliesTo(headers, stream.clusterName)) return Status.Continue;
    this.stream = stream;
    this.#from = headers.get('x-envoy-downstream-service-cluster') ?? '';
    this.limitResponse(headers);
    const delayMs = rules.delayMs(headers, this.#from);
    if (delayMs !== NO_FAULT && this.begin()) {
      this.#delay = new Timer(this, 0);
      this.factory.deps.clock.arm(this.#delay, delayMs);
      this.#record('delays_injected', this.factory.stats.delaysInjected, Flag.DI);
      return Status.StopAllAndWatermark;
    }
    return this.#abort() ? Status.Stop : Status.Continue;
  }

  override onStreamEnd(_stream: HttpStream): void {
    if (this.#delay !== null) this.factory.deps.clock.disarm(this.#delay);
    this.end();
  }

  /** The delay is over. */
  onTimer(): void {
    if (this.#abort()) return;
    if (!this.limitsResponse) this.end();
    this.stream!.continueRequest(this);
  }

  protected get limitsResponse(): boolean {
    return false;
  }

  protected limitResponse(_headers: RequestHeaders): void {}

  /** One request is one active fault, whatever is injected into it. */
  protected begin(): boolean {
    this.#active ||= this.factory.begin(this.rules.maxActiveFaults);
    return this.#active;
  }

  protected end(): void {
    if (!this.#active) return;
    this.#active = false;
    this.factory.end();
  }

  #abort(): boolean {
    const { rules } = this;
    const stream = this.stream!;
    const headers = stream.requestHeaders;
    if (!rules.aborts(headers, this.#from)) return false;
    let status = rules.abortHttpStatus(headers, this.#from);
    let grpcStatus = -1;
    if (status === NO_FAULT) {
      grpcStatus = rules.abortGrpcStatus(headers, this.#from);
      if (grpcStatus === NO_FAULT) return false;
      status = 200;
    }
    if (!this.begin()) return false;
    this.#record('aborts_injected', this.factory.stats.abortsInjected, Flag.FI);
    stream.localReply(status, rules.settings.abort!.body, Flag.FI, 'fault_filter_abort', null, grpcStatus);
    return true;
  }

  #record(name: string, counter: Counter, flag: number): void {
    const info = this.stream!.info;
    counter.inc();
    if (this.#from !== '' && this.factory.downstreamClusterStats) this.factory.stats.countFor(this.#from, name);
    info.flags |= flag;
    info.dynamicMetadata ??= new Map<string, Record<string, unknown>>();
    info.dynamicMetadata.set(this.#name, this.rules.settings.metadata);
  }
}

/** One that can slow the response down. */
class ResponseFaultFilter extends FaultFilter implements LimitedDirection {
  #limiter: StreamRateLimiter | null;

  constructor(factory: FaultFactory, rules: FaultRules, name: string) {
    super(factory, rules, name);
    this.#limiter = null;
  }

  override onResponseData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    if (this.#limiter === null) return Status.Continue;
    this.#limiter.write(chunk, end);
    return Status.Stop;
  }

  override onResponseTrailers(_stream: HttpStream, _trailers: HeaderMap): Status {
    return this.#limiter?.end() === true ? Status.Stop : Status.Continue;
  }

  override onStreamEnd(stream: HttpStream): void {
    this.#limiter?.stop();
    super.onStreamEnd(stream);
  }

  pass(chunk: Buffer, end: boolean): void {
    if (chunk.length > 0 || end) this.stream!.injectResponseData(this, chunk, end);
  }

  passTrailers(): void {
    this.stream!.continueResponse(this);
  }

  hold(hold: boolean): void {
    this.stream!.holdResponse(hold);
  }

  protected override get limitsResponse(): boolean {
    return this.#limiter !== null;
  }

  protected override limitResponse(headers: RequestHeaders): void {
    const kbps = this.rules.responseKbps(headers);
    if (kbps === NO_FAULT || !this.begin()) return;
    this.factory.stats.responseRlInjected.inc();
    const { clock } = this.factory.deps;
    const bytes = kbps * 1024;
    const bucket = new TokenBucket({ maxTokens: bytes, tokensPerFill: bytes, fillIntervalMs: 1000 }, localBlock(), clock);
    this.#limiter = new StreamRateLimiter(this, bucket, true, FILL_INTERVAL_MS, this.stream!.bufferLimit, clock);
  }
}

export function createFault(settings: FaultSettings, deps: FilterDeps): HttpFilterFactory {
  return new FaultFactory(settings, deps);
}
