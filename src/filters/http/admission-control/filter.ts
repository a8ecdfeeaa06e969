/**
 * Refuses a share of the requests when too many of those before have failed, so that what is behind can recover. Each worker judges by the
 * requests that it has seen itself, as in Envoy. Behaviour: spec/resilience.md §2.11.
 */
import { grpcStatusHeader, isGrpcContentType } from '../../../http/grpc-status.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { Counter } from '../../../stats/scope.ts';
import { type FilterDeps, type HttpFilter, type HttpFilterFactory, type HttpStream, PassThroughFilter, Status } from '../../api.ts';
import { RequestWindow } from './request-window.ts';
import type { AdmissionControlSettings, RuntimeNumber } from './settings.ts';

/** Probabilities are drawn in steps of this. */
const ACCURACY = 10_000;

/** What the streams of one filter entry share on this worker. */
class AdmissionControl implements HttpFilterFactory {
  readonly window: RequestWindow;
  readonly rejected: Counter;
  readonly #succeeded: Counter;
  readonly #failed: Counter;
  readonly #settings: AdmissionControlSettings;
  readonly #runtime: RuntimeSnapshot;

  constructor(settings: AdmissionControlSettings, deps: FilterDeps) {
    const scope = deps.scope.scope('admission_control');
    this.window = new RequestWindow(deps.clock, settings.windowS);
    this.rejected = scope.counter('rq_rejected');
    this.#succeeded = scope.counter('rq_success');
    this.#failed = scope.counter('rq_failure');
    this.#settings = settings;
    this.#runtime = deps.runtime;
  }

  newFilter(): HttpFilter {
    return new AdmissionControlFilter(this);
  }

  get enabled(): boolean {
    return this.#runtime.boolean(this.#settings.enabled.runtimeKey, this.#settings.enabled.value);
  }

  /** Too few requests to judge by. */
  get quiet(): boolean {
    const threshold = this.#runtime.integer(this.#settings.rpsThreshold.runtimeKey, this.#settings.rpsThreshold.value);
    return threshold > 0 && this.window.averageRps() < threshold;
  }

  /** max(0, (requests - successes / threshold) / (requests + 1)) ^ (1 / aggression), capped. @param random 32 bits */
  rejects(random: number): boolean {
    const { aggression, successRateThreshold, maxRejectionProbability } = this.#settings;
    this.window.refresh();
    const { requests, successes } = this.window;
    const threshold = Math.min(100, this.#number(successRateThreshold)) / 100;
    const base = (requests - successes / threshold) / (requests + 1);
    if (!(base > 0)) return false;
    const power = Math.max(1, this.#number(aggression));
    const probability = Math.min(power === 1 ? base : base ** (1 / power), Math.min(100, this.#number(maxRejectionProbability)) / 100);
    return ACCURACY * probability > random % ACCURACY;
  }

  recordHttp(status: number): void {
    let success = false;
    for (const [start, end] of this.#settings.httpSuccess) if (status >= start && status < end) success = true;
    this.#record(success);
  }

  recordGrpc(status: number): void {
    this.#record(this.#settings.grpcSuccess.includes(status));
  }

  #record(success: boolean): void {
    (success ? this.#succeeded : this.#failed).inc();
    this.window.record(success);
  }

  #number({ runtimeKey, value }: RuntimeNumber): number {
    return this.#runtime.double(runtimeKey, value);
  }
}

class AdmissionControlFilter extends PassThroughFilter {
  readonly #control: AdmissionControl;
  #records: boolean;
  /** The outcome of a gRPC request comes with its trailers. */
  #awaitsTrailers: boolean;

  constructor(control: AdmissionControl) {
    super();
    this.#control = control;
    this.#records = true;
    this.#awaitsTrailers = false;
  }

  override onRequestHeaders(stream: HttpStream, _headers: RequestHeaders, _end: boolean): Status {
    const control = this.#control;
    if (!control.enabled || stream.info.isHealthCheck) {
      this.#records = false;
      return Status.Continue;
    }
    if (control.quiet || !control.rejects(stream.random.nextU32())) return Status.Continue;
    this.#records = false;
    control.rejected.inc();
    stream.localReply(503, '', 0, 'denied_by_admission_control');
    return Status.Stop;
  }

  override onResponseHeaders(_stream: HttpStream, headers: ResponseHeaders, end: boolean): Status {
    if (!this.#records) return Status.Continue;
    const grpc = grpcStatusHeader(headers);
    if (end ? grpc !== undefined : headers.status === 200 && isGrpcContentType(headers.get('content-type'))) {
      if (grpc === undefined) this.#awaitsTrailers = true;
      else this.#control.recordGrpc(grpc);
    } else this.#control.recordHttp(headers.status);
    return Status.Continue;
  }

  override onResponseTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    if (this.#awaitsTrailers) this.#control.recordGrpc(grpcStatusHeader(trailers) ?? -1);
    return Status.Continue;
  }
}

export function createAdmissionControl(settings: AdmissionControlSettings, deps: FilterDeps): HttpFilterFactory {
  return new AdmissionControl(settings, deps);
}
