/** What an HTTP answer says about the host's health, whichever protocol brought it. Source: HttpHealthCheckerImpl::healthCheckResult. */
import type { HeaderMap } from '../../http/header-map.ts';
import { buildStringMatcher, type StringMatcher } from '../../http/string-matcher.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { Counter } from '../../stats/scope.ts';
import { containsBlocks, parseBlocks } from './payload.ts';
import type { ProbeListener } from './probe.ts';
import type { HttpCheckSettings, StatusRange } from './settings.ts';

export class HttpVerdict {
  readonly #settings: HttpCheckSettings;
  readonly #receive: readonly Buffer[];
  readonly #serviceName: StringMatcher | null;
  readonly #runtime: RuntimeSnapshot;
  readonly #verifyCluster: Counter;

  constructor(settings: HttpCheckSettings, runtime: RuntimeSnapshot, verifyCluster: Counter) {
    this.#settings = settings;
    this.#receive = parseBlocks(settings.receive);
    this.#serviceName = settings.serviceName === null ? null : buildStringMatcher(settings.serviceName);
    this.#runtime = runtime;
    this.#verifyCluster = verifyCluster;
  }

  /** How many further bytes of the body are wanted when `kept` are there. */
  wanted(kept: number): number {
    if (this.#receive.length === 0) return 0;
    const limit = this.#settings.responseBufferSize;
    return limit === 0 ? Number.POSITIVE_INFINITY : Math.max(0, limit - kept);
  }

  report(status: number, headers: HeaderMap, body: Buffer, listener: ProbeListener): void {
    const exclude = headers.has('x-envoy-immediate-health-check-fail');
    if (!within(status, this.#settings.expected)) {
      listener.onFailed(within(status, this.#settings.retriable), exclude, status);
      return;
    }
    if (this.#receive.length > 0 && !containsBlocks(body, this.#receive)) {
      listener.onFailed(false, exclude, status);
      return;
    }
    if (this.#serviceName !== null && this.#runtime.fraction('health_check.verify_cluster', 100, 100, 0)) {
      this.#verifyCluster.inc();
      if (!this.#serviceName.matches(headers.get('x-envoy-upstream-healthchecked-cluster') ?? '')) {
        listener.onFailed(false, false, status);
        return;
      }
    }
    listener.onPassed(headers.has('x-envoy-degraded'));
  }
}

function within(status: number, ranges: readonly StatusRange[]): boolean {
  for (const { start, end } of ranges) if (status >= start && status < end) return true;
  return false;
}
