/**
 * Sends a client's requests to the upstream host that its cookie or header names, as long as that host can be used, and tells it the host
 * that served it otherwise. Behaviour: Envoy's StatefulSession filter.
 */
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import { type FilterDeps, type HttpFilter, type HttpFilterFactory, type HttpStream, PassThroughFilter, Status } from '../../api.ts';
import { makeSessionState, type SessionState } from './session-state.ts';
import type { RouteSessionSettings, StatefulSessionSettings } from './settings.ts';

class SessionStats {
  readonly routed: Counter;
  readonly failedOpen: Counter;
  readonly failedClosed: Counter;
  readonly noSession: Counter;
  constructor(scope: StatsScope) {
    this.routed = scope.counter('routed');
    this.failedOpen = scope.counter('failed_open');
    this.failedClosed = scope.counter('failed_closed');
    this.noSession = scope.counter('no_session');
  }
}

/** One configuration, of the filter or of a route. */
class Sessions {
  readonly settings: StatefulSessionSettings;
  readonly state: SessionState | null;
  readonly stats: SessionStats | null;

  constructor(settings: StatefulSessionSettings, clock: Clock, scope: StatsScope) {
    this.settings = settings;
    this.state = settings.state === null ? null : makeSessionState(settings.state, clock);
    this.stats = settings.statPrefix === '' ? null : new SessionStats(scope.scope('stateful_session').scope(settings.statPrefix));
  }
}

class StatefulSessionFactory implements HttpFilterFactory {
  readonly #deps: FilterDeps;
  readonly own: Sessions;
  readonly #ofRoutes = new WeakMap<StatefulSessionSettings, Sessions>();

  constructor(settings: StatefulSessionSettings, deps: FilterDeps) {
    this.#deps = deps;
    this.own = new Sessions(settings, deps.clock, deps.scope);
  }

  newFilter(): HttpFilter {
    return new StatefulSessionFilter(this);
  }

  /** Those of a route count under the root, as in Envoy. */
  ofRoute(settings: StatefulSessionSettings): Sessions {
    const known = this.#ofRoutes.get(settings);
    if (known !== undefined) return known;
    const made = new Sessions(settings, this.#deps.clock, this.#deps.rootScope);
    this.#ofRoutes.set(settings, made);
    return made;
  }
}

class StatefulSessionFilter extends PassThroughFilter {
  readonly #factory: StatefulSessionFactory;
  /** null: this request has no session. */
  #sessions: Sessions | null;
  #address: string;

  constructor(factory: StatefulSessionFactory) {
    super();
    this.#factory = factory;
    this.#sessions = null;
    this.#address = '';
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, _end: boolean): Status {
    const factory = this.#factory;
    const route = stream.routeSettings<RouteSessionSettings>(this);
    if (route !== null && route.session === null) return Status.Continue;
    const sessions = route === null ? factory.own : factory.ofRoute(route.session!);
    const address = sessions.state === null ? null : sessions.state.read(headers);
    if (address === null) {
      sessions.stats?.noSession.inc();
      return Status.Continue;
    }
    this.#sessions = sessions;
    this.#address = address;
    if (address !== '') stream.info.overrideHost = { address, strict: sessions.settings.strict };
    return Status.Continue;
  }

  override onResponseHeaders(stream: HttpStream, headers: ResponseHeaders, _end: boolean): Status {
    const sessions = this.#sessions;
    if (sessions === null) return Status.Continue;
    const { strict, notFoundStatus } = sessions.settings;
    const host = stream.info.upstreamHost;
    if (host === null) {
      if (strict && this.#address !== '' && stream.info.responseCodeDetails === 'no_healthy_upstream') {
        sessions.stats?.failedClosed.inc();
        headers.status = notFoundStatus;
        stream.info.responseCode = notFoundStatus;
      }
      return Status.Continue;
    }
    if (host.address.text === this.#address) {
      sessions.stats?.routed.inc();
      return Status.Continue;
    }
    if (!strict) sessions.stats?.failedOpen.inc();
    sessions.state!.write(headers, host.address.text);
    return Status.Continue;
  }
}

export function createStatefulSession(settings: StatefulSessionSettings, deps: FilterDeps): HttpFilterFactory {
  return new StatefulSessionFactory(settings, deps);
}
