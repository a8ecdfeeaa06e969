/** What a host's passive health monitor is told. The data path calls it; outlier detection implements it. Nothing here may allocate. */

export interface HostMonitor {
  /** `x-envoy-degraded` of responses is wanted (OutlierDetection.detect_degraded_hosts). */
  readonly detectsDegraded: boolean;
  /** A response came. @param status of HTTP, or what a gRPC status in its headers stands for */
  onStatus(status: number): void;
  /** A response came, and the cluster's own matcher has said whether it is an error. */
  onVerdict(failed: boolean): void;
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
