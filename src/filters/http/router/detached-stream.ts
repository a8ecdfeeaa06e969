/**
 * A request that no client waits for: copies of requests, and calls that the proxy makes itself. It goes through a router filter of its own,
 * which counts, balances and times it out like any request.
 */
import type { ClusterManager } from '../../../cluster/api.ts';
import type { StreamRetrySettings } from '../../../http/grpc-service.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import { parseRetryOn, type RetryPolicySettings } from '../../../resilience/retry-policy.ts';
import type { Route, RouteAction } from '../../../route/route.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';
import type { HttpFilter, TerminalHttpStream } from '../../api.ts';

/** Where it comes from. */
export interface DetachedDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly clusters: ClusterManager;
}

export abstract class DetachedStream implements TerminalHttpStream {
  readonly info: StreamInfo;
  readonly random: Random;
  readonly clock: Clock;
  readonly clusters: ClusterManager;
  readonly requestHeaders: RequestHeaders;
  readonly route: Route;
  readonly clusterName: string;
  readonly bufferLimit: number;
  readonly responseHeaders = null;
  readonly isTunnel = false;
  requestEnded: boolean;
  responseStarted: boolean;
  ended: boolean;
  protected readonly router: HttpFilter;

  constructor(
    deps: DetachedDeps,
    info: StreamInfo,
    headers: RequestHeaders,
    cluster: string,
    route: Route,
    router: HttpFilter,
    bufferLimit: number,
  ) {
    info.requestHeaders = headers;
    this.info = info;
    this.random = deps.random;
    this.clock = deps.clock;
    this.clusters = deps.clusters;
    this.requestHeaders = headers;
    this.route = route;
    this.clusterName = cluster;
    this.bufferLimit = bufferLimit;
    this.requestEnded = false;
    this.responseStarted = false;
    this.ended = false;
    this.router = router;
  }

  start(end: boolean): void {
    this.requestEnded = end;
    this.router.onRequestHeaders(this, this.requestHeaders, end);
  }

  reset(): void {
    if (this.ended) return;
    this.ended = true;
    this.router.onStreamEnd(this);
  }

  abstract pauseRequest(pause: boolean): void;
  abstract respondHeaders(headers: ResponseHeaders, end: boolean): void;
  abstract respondData(chunk: Buffer, end: boolean): void;
  abstract respondTrailers(trailers: HeaderMap): void;
  abstract localReply(status: number): void;

  respond1xx(): void {}
  setWatermarkListener(): void {}
  clearRouteCache(): void {}
  routeSettings<T>(): T | null {
    return null;
  }
  continueRequest(): void {}
  continueResponse(): void {}
  injectRequestData(): void {}
  injectResponseData(): void {}
  holdRequest(): void {}
  holdResponse(): void {}
  recreate(): boolean {
    return false;
  }
}

const NOTHING = () => undefined;

function retryPolicy({ retryOn, ...settings }: StreamRetrySettings): RetryPolicySettings {
  return {
    ...{
      ...settings,
      retryOn: parseRetryOn(retryOn),
      perTryTimeoutMs: 0,
      perTryIdleTimeoutMs: 0,
      retriableStatusCodes: [],
      retriableHeaders: [],
    },
    ...{ retriableRequestHeaders: [], hostSelectionRetryMaxAttempts: 1, hosts: null, rateLimitedBackOff: null, refreshCluster: false },
  };
}

/** What it is told by its route: the time that it may take, how it is retried, and else nothing. */
export function makeDetachedRoute(timeoutMs: number, retry: StreamRetrySettings | null = null): Route & { readonly action: RouteAction } {
  return {
    name: '',
    virtualHost: {
      name: '',
      includeRequestAttemptCount: false,
      includeAttemptCountInResponse: false,
      includeIsTimeoutRetryHeader: false,
      virtualCluster: () => '',
    },
    statPrefix: '',
    metadata: null,
    direct: null,
    action: {
      clusterName: () => '',
      clusterNotFoundStatus: 503,
      timeoutMs,
      idleTimeoutMs: null,
      maxStreamDurationMs: null,
      grpcTimeoutHeaderMaxMs: null,
      grpcTimeoutHeaderOffsetMs: 0,
      maxGrpcTimeoutMs: null,
      grpcTimeoutOffsetMs: 0,
      retryPolicy: retry === null ? null : retryPolicy(retry),
      hedgeOnPerTryTimeout: false,
      priority: 0,
      autoHostRewrite: false,
      appendXForwardedHost: false,
      upgrades: null,
      connectTerminates: false,
      connectTerminatesPost: false,
      connectProxyProtocol: 0,
      internalRedirect: null,
      requestBufferLimit: null,
      mirrors: [],
      hash: () => null,
      metadataMatch: null,
    },
    filterSettings: NOTHING,
    filterDisabled: NOTHING,
    allFilterSettings: () => [],
    finalizeRequestHeaders: NOTHING,
    finalizeResponseHeaders: NOTHING,
  };
}
