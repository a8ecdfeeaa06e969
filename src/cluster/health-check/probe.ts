/** One way to ask a host how it is: over HTTP, TCP, gRPC or Redis. A probe serves one host, check after check. */

/** Told exactly once for each `start`, unless the probe is aborted or closed first. */
export interface ProbeListener {
  onPassed(degraded: boolean): void;
  /**
   * The host answered, but not as a healthy one. @param retriable it counts towards the threshold, as a network failure does
   * @param exclude it asked to be left out of balancing at once @param status HTTP status; 0
   */
  onFailed(retriable: boolean, exclude: boolean, status: number): void;
  onNetworkFailure(): void;
}

export interface Probe {
  /** Begins one check. The answer never comes from inside this call. */
  start(): void;
  /** The check has taken too long: its connection is closed, nothing is told. */
  abort(): void;
  /** The host is gone. */
  close(): void;
}
