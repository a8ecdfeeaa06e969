/** What a host's passive health monitor is told. The data path calls it; outlier detection implements it. Nothing here may allocate. */
import type { HeaderMap } from '../http/header-map.ts';

export interface HostMonitor {
  /** The cluster's own word on which responses are errors; null = their status says it. */
  readonly errors: { matches(headers: HeaderMap): boolean } | null;
  /** `x-envoy-degraded` of responses is wanted (OutlierDetection.detect_degraded_hosts). */
  readonly detectsDegraded: boolean;
  /** A response came. @param status of HTTP, or what a gRPC status in its headers stands for */
  onStatus(status: number): void;
  /** A connection could be had. Says nothing yet of the protocol above it. */
  onConnected(): void;
  /** A connection could be had, and nothing more will be known (TCP). */
  onConnectedFinally(): void;
  /** It could not, or the stream was reset. */
  onConnectFailed(): void;
  /** @param status of the answer that the client got instead; 0 = none (TCP) */
  onTimeout(status: number): void;
  /** A response said `x-envoy-degraded`. */
  onDegraded(): void;
}
