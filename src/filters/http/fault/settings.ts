/** What the fault filter is told by its configuration, or by that of a route. */
import type { HeaderMatcherSettings } from '../../../http/header-matcher.ts';

/** Share of requests; the runtime key stands in FaultSettings.keys. */
export interface FaultPercentage {
  readonly numerator: number;
  /** 100, 10,000 or 1,000,000. */
  readonly denominator: number;
}

export interface FaultSettings {
  readonly delay: {
    /** Whole milliseconds; null: the request's header says. */
    readonly fixedMs: number | null;
    readonly percentage: FaultPercentage;
  } | null;
  readonly abort: {
    /** 0: by gRPC status, or by header. */
    readonly httpStatus: number;
    /** -1: by HTTP status, or by header. */
    readonly grpcStatus: number;
    readonly byHeader: boolean;
    readonly percentage: FaultPercentage;
    readonly body: string;
  } | null;
  readonly rateLimit: {
    /** KiB a second; null: the request's header says. */
    readonly kbps: number | null;
    readonly percentage: FaultPercentage;
  } | null;
  /** '' = all. */
  readonly upstreamCluster: string;
  /** Empty = all. */
  readonly downstreamNodes: readonly string[];
  readonly headers: readonly HeaderMatcherSettings[];
  readonly maxActiveFaults: number;
  readonly keys: FaultRuntimeKeys;
  readonly downstreamClusterStats: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** CompileContext.place: outside of a connection manager active faults are counted under it. */
  readonly place: string;
}

export interface FaultRuntimeKeys {
  readonly delayPercent: string;
  readonly delayDuration: string;
  readonly abortPercent: string;
  readonly abortHttpStatus: string;
  readonly abortGrpcStatus: string;
  readonly rateLimitPercent: string;
  readonly maxActiveFaults: string;
}
