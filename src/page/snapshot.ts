/**
 * What the live page and `outrider top` are told: the answers of `/api/v1/page`, `/api/v1/page/events` and `/api/v1/page/history`, as JSON.
 * Types only, so that the page in the browser shares them.
 *
 * Units: times ending in `Ms` are milliseconds (`wallMs` since the epoch), rates are per second over the last second, shares are 0 to 1,
 * `null` is "not known" (for example a percentile of no requests). Ids are whole numbers, unique over listeners, routes, clusters, hosts
 * and edges together; an id that was removed comes back for the same thing alone. Another process (another `instance`) begins anew.
 *
 * `/api/v1/page/events` (text/event-stream): first one event `snapshot` (PageSnapshot), then each second one event `tick` (PageTick).
 * A viewer that reads too slowly misses ticks and gets a `snapshot` again; after a reconnect the first event is a `snapshot`, too.
 * `?cluster=NAME` (may be repeated, 8 at most) asks for host figures of these clusters in every tick.
 * `event: full` with an empty object, and the end of the stream: there are as many viewers as the proxy serves (16).
 */

/** The whole state. */
export interface PageSnapshot {
  /** Of this process's start: another one means that ids are others. */
  readonly instance: string;
  readonly listeners: readonly ListenerPart[];
  readonly routes: readonly RoutePart[];
  readonly clusters: readonly ClusterPart[];
  readonly edges: readonly EdgePart[];
  readonly certificates: readonly CertificatePart[];
  /** Newest first, 500 at most. */
  readonly requests: readonly LoggedRequest[];
  /** The figures of now; its `requests` is empty and its `changes` null. */
  readonly tick: PageTick;
}

/**
 * One second. What is not listed among the figures stands still: all its rates and gauges are 0, its percentiles null; of a cluster also:
 * all its hosts are healthy.
 */
export interface PageTick {
  /** Counts ticks; a gap means that some were missed. */
  readonly seq: number;
  readonly wallMs: number;
  /** Length of the interval that the rates are of; about 1000. */
  readonly intervalMs: number;
  readonly server: ServerPart;
  readonly totals: TotalFigures;
  readonly listeners: readonly ListenerFigures[];
  /** Of listener -> route and route -> cluster; the 1,000 busiest. */
  readonly edges: readonly EdgeFigures[];
  readonly clusters: readonly ClusterFigures[];
  /**
   * All hosts of the clusters that were asked for and of the 20 busiest clusters (at most 500 a cluster), and every host whose health has
   * changed in this second. Others have figures that were not told: their last state stands, their rates are not known.
   */
  readonly hosts: readonly HostFigures[];
  /** Noted since the last tick, oldest first. */
  readonly requests: readonly LoggedRequest[];
  /** null = the same things as before. */
  readonly changes: PageChanges | null;
}

/** What has come, has another shape (known id), or is gone. To be applied before the tick's figures. */
export interface PageChanges {
  readonly listeners: readonly ListenerPart[];
  readonly routes: readonly RoutePart[];
  /** With all their hosts: hosts that are not listed any more are gone. */
  readonly clusters: readonly ClusterPart[];
  readonly edges: readonly EdgePart[];
  /** Ids of anything but hosts. */
  readonly removed: readonly number[];
  /** null = as before. */
  readonly certificates: readonly CertificatePart[] | null;
}

// ── the process ──

export interface ServerPart {
  readonly version: string;
  readonly state: 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';
  readonly uptimeS: number;
  readonly concurrency: number;
  readonly nodeId: string;
  readonly nodeCluster: string;
  /** What the start waits for, or nothing. */
  readonly waitingFor: readonly string[];
  /** POST /healthcheck/fail is in force. */
  readonly healthCheckFailed: boolean;
  /** POST /drain_listeners is in force. */
  readonly draining: boolean;
  /** By component: "debug". Those with the level that most have are left out of `logLevels` and named by `logLevel`. */
  readonly logLevel: string;
  readonly logLevels: Readonly<Record<string, string>>;
  /** Resident memory of the process in bytes. */
  readonly memoryBytes: number;
  /** Viewers of this page, `outrider top` included. */
  readonly viewers: number;
  /** Requests slower than this are in the log. */
  readonly slowMs: number;
}

/** Requests of all HTTP connection managers together, as clients see them. */
export interface TotalFigures {
  readonly rps: number;
  /** Requests in flight. */
  readonly active: number;
  /** Share of answers with status 5xx. */
  readonly errors: number;
  /** Share of answers with status 4xx. */
  readonly clientErrors: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  /** Open connections of clients, TCP included. */
  readonly connections: number;
  readonly connectionsPerS: number;
  /** Bytes a second from and to clients. */
  readonly rxBytesPerS: number;
  readonly txBytesPerS: number;
  readonly retriesPerS: number;
  readonly timeoutsPerS: number;
  /** Requests and connections refused by circuit breakers. */
  readonly overflowsPerS: number;
}

// ── nodes and edges of the service graph ──

export interface ListenerPart {
  readonly id: number;
  readonly name: string;
  /** "0.0.0.0:15001", or a path; several with additional_addresses. */
  readonly addresses: readonly string[];
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly tls: boolean;
}

/** A node between listeners and clusters: an HTTP route, or a TCP proxy. */
export interface RoutePart {
  readonly id: number;
  readonly kind: 'http' | 'tcp';
  /** '' for TCP. */
  readonly routeConfiguration: string;
  /** '' for TCP. */
  readonly virtualHost: string;
  /** The route's name, or '' if it has none. TCP: the proxy's stat_prefix. */
  readonly name: string;
  /** What it matches: "prefix /api", "path /x", "regex ^/a". '' for TCP. */
  readonly match: string;
  /** "forward", "redirect", "direct_response", "none" or "tcp". */
  readonly action: string;
}

/** listener -> route or route -> cluster. (client -> listener are the listener's own figures, cluster -> host those of the host.) */
export interface EdgePart {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  /** Copies of requests (request_mirror_policies). */
  readonly shadow: boolean;
}

export interface ClusterPart {
  readonly id: number;
  readonly name: string;
  /** "STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST", "AGGREGATE", ... */
  readonly type: string;
  readonly lbPolicy: string;
  readonly addedViaApi: boolean;
  readonly tls: boolean;
  readonly http2: boolean;
  readonly healthChecked: boolean;
  readonly outlierDetection: boolean;
  /** Default priority, then high. */
  readonly limits: readonly [BreakerLimitsPart, BreakerLimitsPart];
  /** Of all hosts; `hosts` has the first 1,000. */
  readonly hostCount: number;
  readonly hosts: readonly HostPart[];
}

/** Circuit breakers' limits; null = none (4294967295). */
export interface BreakerLimitsPart {
  readonly connections: number | null;
  readonly pending: number | null;
  readonly requests: number | null;
  /** Under a retry budget: what the budget allows at this moment is in the figures. */
  readonly retries: number | null;
}

export interface HostPart {
  readonly id: number;
  /** "10.0.0.1:80" or a path. */
  readonly address: string;
  /** ''. */
  readonly hostname: string;
  readonly weight: number;
  readonly priority: number;
  /** "region/zone/sub_zone" without what is not said; ''. */
  readonly locality: string;
  readonly canary: boolean;
  /** As it is now; a tick's HostFigures take its place. */
  readonly health: HostHealth;
}

// ── figures ──

/** As clients see them. */
export interface RequestFigures {
  readonly id: number;
  readonly rps: number;
  /** Share of requests that failed: status 5xx, no answer at all, or a gRPC status other than 0. */
  readonly errors: number;
  /** Milliseconds from the first byte of the request to the last of the answer; null = no requests. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
}

/** Where the listener carries TCP only, rps is 0 and the percentiles are null. */
export interface ListenerFigures extends RequestFigures {
  /** Open connections. */
  readonly connections: number;
  readonly connectionsPerS: number;
  readonly rxBytesPerS: number;
  readonly txBytesPerS: number;
}

export interface EdgeFigures extends RequestFigures {
  /** TCP: connections opened a second, open now, bytes a second; 0 for HTTP. */
  readonly connectionsPerS: number;
  readonly connections: number;
  readonly rxBytesPerS: number;
  readonly txBytesPerS: number;
}

export interface ClusterFigures {
  readonly id: number;
  /** Requests sent upstream a second, retries included; at least those answered in its place. */
  readonly rps: number;
  /** Share of answers that clients got with status 5xx or a gRPC status other than 0. */
  readonly errors: number;
  /** Milliseconds that the upstream took (upstream_rq_time); null = no answers. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly connectionsPerS: number;
  readonly connectFailuresPerS: number;
  /** Bytes a second from and to the hosts. */
  readonly rxBytesPerS: number;
  readonly txBytesPerS: number;
  readonly retriesPerS: number;
  /** upstream_rq_timeout and upstream_rq_per_try_timeout. */
  readonly timeoutsPerS: number;
  /** Refused by circuit breakers: requests, pending requests, connections, retries. */
  readonly overflowsPerS: number;
  /** Copies sent here by mirroring. */
  readonly shadowsPerS: number;
  /** Taken of the circuit breakers: default priority, then high. */
  readonly breakers: readonly [BreakerUse, BreakerUse];
  readonly hosts: HostSummary;
}

export interface BreakerUse {
  readonly connections: number;
  readonly pending: number;
  readonly requests: number;
  readonly retries: number;
  /** Of retries at this moment: differs from the limits where there is a retry budget. null = none. */
  readonly retriesLimit: number | null;
}

export interface HostSummary {
  readonly total: number;
  /** Neither degraded nor unhealthy. */
  readonly healthy: number;
  readonly degraded: number;
  /** Ejected ones included. */
  readonly unhealthy: number;
  readonly ejected: number;
}

export interface HostHealth {
  readonly state: 'healthy' | 'degraded' | 'unhealthy';
  /** Envoy's words: "failed_active_hc", "failed_outlier_check", "failed_eds_health", ...; empty = healthy. */
  readonly flags: readonly string[];
  /** null = not ejected by outlier detection. */
  readonly ejection: EjectionPart | null;
  /** Percent in the last interval of outlier detection; null = not computed. */
  readonly successRate: number | null;
}

export interface EjectionPart {
  readonly sinceWallMs: number;
  /** It comes back with the first sweep of outlier detection after this. */
  readonly untilWallMs: number;
  /** Of how many ejections so far this is the last. */
  readonly count: number;
  /** In words: "consecutive 5xx", "success rate", "failure percentage", ... */
  readonly reason: string;
}

export interface HostFigures {
  readonly id: number;
  /** Id of its cluster. */
  readonly cluster: number;
  readonly rps: number;
  /** Share of tries that ended with 5xx, a reset, a timeout or no connection. */
  readonly errors: number;
  /** Of its last tries' answers; null = none. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  /** Requests in flight. */
  readonly active: number;
  readonly pending: number;
  readonly connections: number;
  readonly health: HostHealth;
}

// ── the request log ──

/** A failed or slow request. */
export interface LoggedRequest {
  readonly id: number;
  /** When it began. */
  readonly wallMs: number;
  readonly why: 'failed' | 'slow';
  readonly durationMs: number;
  readonly phases: RequestPhases;
  readonly listener: string;
  readonly routeConfiguration: string;
  readonly virtualHost: string;
  /** Its name, or what it matches; '' = no route. */
  readonly route: string;
  /** '' = none. */
  readonly cluster: string;
  /** "10.0.0.1:80"; '' = none was chosen. */
  readonly host: string;
  /** "HTTP/1.1", "HTTP/2". */
  readonly protocol: string;
  readonly method: string;
  readonly authority: string;
  /** Without its query, which may hold secrets. */
  readonly path: string;
  /** 0 = no answer was sent. */
  readonly code: number;
  /** null = not gRPC. */
  readonly grpcStatus: number | null;
  /** Envoy's short names in the order in which they were set. */
  readonly flags: readonly string[];
  /** %RESPONSE_CODE_DETAILS%; ''. */
  readonly details: string;
  /** Tries, the first included; 0 = nothing went upstream. */
  readonly attempts: number;
  /** x-request-id; ''. */
  readonly requestId: string;
  /** ''. */
  readonly traceId: string;
  /** What happened, in words with the numbers that caused it: a sentence or two for each flag, or one for the answer itself. */
  readonly explanation: readonly Explanation[];
}

export interface Explanation {
  /** The flag that it explains; '' = the answer or the time. */
  readonly flag: string;
  readonly text: string;
}

/** Where the time went, of the last try; null = it did not come that far. They need not add up to the duration. */
export interface RequestPhases {
  /** Until the whole request was here. */
  readonly requestMs: number | null;
  /** Waiting for a connection to the host. */
  readonly connectMs: number | null;
  /** From the first byte sent to the first received. */
  readonly firstByteMs: number | null;
  /** From the first byte of the answer to its last. */
  readonly responseMs: number | null;
}

// ── certificates ──

export interface CertificatePart {
  /** "chain" proves who we are, "ca" whom we trust. */
  readonly kind: 'chain' | 'ca';
  /** File, or the secret's name. */
  readonly path: string;
  readonly serialNumber: string;
  readonly subjectAltNames: readonly string[];
  readonly notBeforeWallMs: number;
  readonly notAfterWallMs: number;
}

// ── history ──

/**
 * `/api/v1/page/history?series=NAME` (may be repeated, 32 at most): the last 15 minutes. Names: `total.` with rps, errors, clientErrors,
 * p50, p90, p99, active, connections, retriesPerS, timeoutsPerS, overflowsPerS; and `cluster.<name>.` with rps, errors, p50, p99,
 * retriesPerS, timeoutsPerS, overflowsPerS, active. Totals are kept always, a step a second; clusters only while the page is open, a step
 * in 5 seconds, and only the 256 that were busy last.
 */
export interface PageHistory {
  readonly series: readonly HistorySeries[];
}

export interface HistorySeries {
  readonly name: string;
  readonly stepMs: number;
  /** End of the last step. */
  readonly untilWallMs: number;
  /** Oldest first; null = nothing is known of that step. Empty = no such series. */
  readonly values: readonly (number | null)[];
}
