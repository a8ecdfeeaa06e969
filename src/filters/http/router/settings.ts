/** What the router filter is told by its configuration. */
export interface RouterSettings {
  /** Response codes and times are counted per cluster. */
  readonly dynamicStats: boolean;
  readonly suppressEnvoyHeaders: boolean;
  /** Tries have spans of their own, whatever the connection manager says. */
  readonly startChildSpan: boolean;
  /** `x-envoy-expected-rq-timeout-ms` of the request is its timeout, and is kept. */
  readonly respectExpectedRqTimeout: boolean;
  /** Lower-case names of x-envoy headers that have to be well formed. */
  readonly strictCheckHeaders: readonly string[];
  /** gRPC failures are left out of the HTTP code counters. */
  readonly suppressGrpcRequestFailureCodeStats: boolean;
  /** As access-log/config.ts compiles them: a line for each try. */
  readonly upstreamLogs: readonly unknown[];
  /** … and another one when the try has its connection. */
  readonly logUpstreamReady: boolean;
  /** … and further ones while it goes on; 0 = none. */
  readonly upstreamLogIntervalMs: number;
  /** Bytes that a client sends before its CONNECT was accepted are answered 400. */
  readonly rejectConnectRequestEarlyData: boolean;
}
