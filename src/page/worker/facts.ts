/** What a worker notes of a failed or slow request: plain data, with the numbers as they were when it ended. */
import type { LoggedRequest } from '../snapshot.ts';

export type NotedRequest = Omit<LoggedRequest, 'id' | 'explanation'> & { readonly facts: RequestFacts };

/** [in use, limit]. */
export type Use = readonly [number, number];

export interface RequestFacts {
  /** null: the request was for no cluster, or for one that is not there. */
  readonly cluster: ClusterFacts | null;
  /** null = no route. */
  readonly route: RouteFacts | null;
  /** Why no route was found; null = one was. */
  readonly noRoute: NoRouteFacts | null;
  /** The cluster that the route names and that is not there; ''. */
  readonly missingCluster: string;
  /** Milliseconds that the request had for an answer (x-envoy-expected-rq-timeout-ms); 0 = not known. */
  readonly timeoutMs: number;
  /** The connection manager's stream_idle_timeout; 0 = none. */
  readonly streamIdleTimeoutMs: number;
  /** The transport's own words: "Connection refused"; ''. */
  readonly transportFailure: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Why the connection of the client failed or ended; ''. */
  readonly connectionTermination: string;
}

export interface ClusterFacts {
  readonly name: string;
  readonly priority: 'default' | 'high';
  readonly connections: Use;
  readonly pending: Use;
  readonly requests: Use;
  readonly retries: Use;
  readonly connectionPools: Use;
  readonly retryBudgetPercent: number | null;
  /** null: it took no part in the failure and was not counted. */
  readonly hosts: HostsFacts | null;
  readonly connectTimeoutMs: number;
  /** drop_overloads, 0 to 1. */
  readonly dropOverload: number;
}

export interface HostsFacts {
  readonly total: number;
  readonly healthy: number;
  readonly degraded: number;
  readonly ejected: number;
  readonly failedActiveCheck: number;
  readonly failedByEndpoints: number;
  /** Waiting for their first check. */
  readonly unchecked: number;
}

export interface RouteFacts {
  readonly numRetries: number;
  /** 0 = none. */
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  /** 0 = none. */
  readonly timeoutMs: number;
  /** null = the connection manager's. */
  readonly idleTimeoutMs: number | null;
  readonly maxStreamDurationMs: number | null;
}

export interface NoRouteFacts {
  readonly routeConfiguration: string;
  /** '' = none has the authority. */
  readonly virtualHost: string;
  /** Domain most like the authority; ''. */
  readonly nearestDomain: string;
  readonly domains: number;
  /** Routes of the virtual host. */
  readonly routes: number;
  /** The first of them, with what the request lacks for it: "/a: prefix "/a"". */
  readonly missed: readonly string[];
}
