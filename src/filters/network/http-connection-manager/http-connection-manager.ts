/** A configured connection manager on one worker: everything its connections and streams share. */

import type { Http1Stats } from '../../../http/h1/stats.ts';
import type { Http2Stats } from '../../../http/h2/stats.ts';
import { shortFlags } from '../../../http/response-flags.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { Route, RouteTable } from '../../../route/route.ts';
import { HttpDate } from '../../../runtime/http-date.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { NEVER_OVERLOADED, type OverloadState } from '../../../runtime/overload.ts';
import type { RequestTracing } from '../../../tracing/request-tracing.ts';
import type { AccessLogger, FilterDeps, HttpFilter, HttpFilterFactory, NetworkFilter, NetworkFilterCallbacks } from '../../api.ts';
import { looksAtResponses, ResponseSide, type ResponseSink } from '../../chain.ts';
import type { RequestWatch } from '../../request-watch.ts';
import type { HcmStats } from './hcm-stats.ts';
import { leavesHostAlone } from './host-normalization.ts';
import { HttpConnection } from './http-connection.ts';
import type { HttpStream } from './http-stream.ts';
import type { LocalReplies } from './local-reply.ts';
import { leavesPathAlone } from './path-normalization.ts';
import { ProxyStatus } from './proxy-status.ts';
import { RequestMutation } from './request-mutation.ts';
import { ResponseMutation } from './response-mutation.ts';
import type { HcmSettings } from './settings.ts';

export interface ConfiguredFilter {
  readonly name: string;
  readonly disabled: boolean;
  readonly factory: HttpFilterFactory;
}

/** What the composition root provides besides the common dependencies. */
export interface HcmParts {
  readonly filters: readonly ConfiguredFilter[];
  /** Lower-case upgrade type → filters of such streams, where they have their own. */
  readonly upgradeFilters: ReadonlyMap<string, readonly ConfiguredFilter[]>;
  /** The route table of the moment: inline ones never change, RDS ones are swapped. null until the first arrives. */
  readonly routeTable: () => RouteTable | null;
  readonly accessLoggers: readonly AccessLogger[];
  readonly localReplies: LocalReplies | null;
  readonly http1Stats: Http1Stats;
  /** Asked when the first HTTP/2 connection comes. */
  readonly http2Stats: () => Http2Stats;
  readonly stats: HcmStats;
  readonly tracing: RequestTracing | null;
}

export class HttpConnectionManager {
  readonly settings: HcmSettings;
  readonly deps: FilterDeps;
  readonly #debug: Logger;
  readonly stats: HcmStats;
  readonly http1Stats: Http1Stats;
  readonly http2Stats: () => Http2Stats;
  readonly routeTable: () => RouteTable | null;
  readonly localReplies: LocalReplies | null;
  readonly requestMutation: RequestMutation;
  readonly responseMutation: ResponseMutation;
  readonly overload: OverloadState;
  readonly tracing: RequestTracing | null;
  readonly leavesPathAlone: boolean;
  readonly leavesHostAlone: boolean;
  readonly #filters: readonly ConfiguredFilter[];
  readonly #accessLoggers: readonly AccessLogger[];
  readonly #watch: RequestWatch | null;
  readonly #upgradeFilters: ReadonlyMap<string, readonly ConfiguredFilter[]>;

  constructor(settings: HcmSettings, deps: FilterDeps, parts: HcmParts) {
    this.settings = settings;
    this.deps = deps;
    this.#debug = deps.logger.component('http');
    this.stats = parts.stats;
    this.http1Stats = parts.http1Stats;
    this.http2Stats = parts.http2Stats;
    this.routeTable = parts.routeTable;
    this.localReplies = parts.localReplies;
    this.requestMutation = new RequestMutation(settings, deps.localInfo, deps.random, deps.format);
    this.responseMutation = new ResponseMutation(
      settings,
      new HttpDate(deps.clock),
      settings.proxyStatus === null ? null : new ProxyStatus(settings.proxyStatus, deps.localInfo.nodeId),
    );
    this.overload = deps.overload ?? NEVER_OVERLOADED;
    this.tracing = parts.tracing;
    this.leavesPathAlone = leavesPathAlone(settings);
    this.leavesHostAlone = leavesHostAlone(settings);
    this.#filters = parts.filters;
    this.#accessLoggers = parts.accessLoggers;
    this.#watch = deps.watch ?? null;
    this.#upgradeFilters = parts.upgradeFilters;
  }

  newConnection(callbacks: NetworkFilterCallbacks): NetworkFilter {
    return new HttpConnection(this, callbacks);
  }

  /**
   * The filters of one stream: those switched off by configuration or by its route are left out.
   * @param upgrade what the stream is upgraded to; '' = it is not
   */
  newFilters(route: Route | null, upgrade: string): readonly HttpFilter[] {
    const configured = upgrade === '' ? this.#filters : (this.#upgradeFilters.get(upgrade.toLowerCase()) ?? this.#filters);
    const filters: HttpFilter[] = [];
    for (let i = 0; i < configured.length; i++) {
      const entry = configured[i]!;
      if (route === null ? entry.disabled : (route.filterDisabled(entry.name) ?? entry.disabled)) continue;
      const { name } = entry;
      const filter = entry.factory.newFilter(route, name);
      filter.name = name;
      filters.push(filter);
    }
    return filters;
  }

  /** null if no filter of the stream looks at responses: they go to the codec directly. */
  newResponseSide(stream: HttpStream & ResponseSink, filters: readonly HttpFilter[]): ResponseSide | null {
    // The router alone: it is where responses come from.
    if (filters.length === 1) return null;
    const looking = filters.filter(looksAtResponses);
    return looking.length === 0 ? null : new ResponseSide(stream, looking.reverse(), stream);
  }

  /** The route's upgrade_configs decide first, then the connection manager's. */
  allowsUpgrade(type: string, route: Route | null): boolean {
    const own = route?.action?.upgrades?.get(type.toUpperCase());
    return own ?? this.settings.upgrades[type.toLowerCase()] ?? false;
  }

  /** An internal redirect ends one request and begins another, as the log and the statistics tell it. */
  onRedirected(info: StreamInfo, nowMs: number, route: Route | null): void {
    info.endMs = nowMs;
    this.stats.rqTime.record(nowMs - info.startMs);
    this.onEnded(info, route);
    this.stats.rqTotal.inc();
    (info.protocol === 'HTTP/2' ? this.stats.rqHttp2Total : this.stats.rqHttp1Total).inc();
  }

  /** @param route the one it had last */
  onEnded(info: StreamInfo, route: Route | null): void {
    if (info.trace !== null) info.trace.finish(info);
    if (this.#watch !== null) this.#watch.ended(info, route, this);
    this.log(info, 'DownstreamEnd');
  }

  log(info: StreamInfo, type: string): void {
    if (this.#debug.debugEnabled) logRequest(this.#debug, info, type);
    const loggers = this.#accessLoggers;
    for (let i = 0; i < loggers.length; i++) loggers[i]!.log(info, type);
  }
}

function logRequest(log: Logger, info: StreamInfo, type: string): void {
  const headers = info.requestHeaders;
  log.debug(type === 'DownstreamEnd' ? 'request ended' : 'request goes on', {
    connection: info.connection.id,
    request: headers?.get('x-request-id') ?? '',
    method: headers?.method ?? '',
    authority: headers?.authority ?? '',
    path: headers?.path ?? '',
    route: info.routeName,
    code: info.responseCode,
    flags: shortFlags(info.flags, info.flagOrder),
    details: info.responseCodeDetails,
  });
}
