/** Refuses requests that rules do not allow. Behaviour: Envoy's RoleBasedAccessControlFilter. */
import type { RequestHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { Route } from '../../../route/route.ts';
import type { Counter } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { buildRbacEngine, type RbacEngine, type RbacVerdict } from '../../rbac/engine.ts';
import type { RbacSettings } from '../../rbac/settings.ts';

const METADATA = 'envoy.filters.http.rbac';

/** The counts are the filter's, whatever rules a route brings along. */
class RbacStats {
  readonly allowed: Counter;
  readonly denied: Counter;
  readonly shadowAllowed: Counter;
  readonly shadowDenied: Counter;
  constructor({ scope }: FilterDeps, settings: RbacSettings) {
    const own = scope.scope('rbac');
    const rules = dotted(settings.rulesStatPrefix);
    const shadow = dotted(settings.shadowRulesStatPrefix);
    this.allowed = own.counter(`${rules}allowed`);
    this.denied = own.counter(`${rules}denied`);
    this.shadowAllowed = own.counter(`${shadow}shadow_allowed`);
    this.shadowDenied = own.counter(`${shadow}shadow_denied`);
  }
}

function dotted(prefix: string): string {
  return prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`;
}

/** Holds nothing of a request, so one object serves all that have the same rules. */
class RbacFilter extends PassThroughFilter {
  readonly #rules: RbacEngine | null;
  readonly #shadow: RbacEngine | null;
  readonly #prefix: string;
  readonly #shadowPrefix: string;
  readonly #stats: RbacStats;

  constructor(settings: RbacSettings, stats: RbacStats) {
    super();
    this.#rules = settings.rules === null ? null : buildRbacEngine(settings.rules);
    this.#shadow = settings.shadowRules === null ? null : buildRbacEngine(settings.shadowRules);
    this.#prefix = settings.rulesStatPrefix;
    this.#shadowPrefix = settings.shadowRulesStatPrefix;
    this.#stats = stats;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders): Status {
    const { info } = stream;
    if (this.#shadow !== null) this.#try(this.#shadow, info, headers);
    const rules = this.#rules;
    if (rules === null) return Status.Continue;
    const verdict = rules.decide(headers, info);
    if (verdict.logs !== null) note(info, 'envoy.common', { access_log_hint: verdict.logs });
    note(info, METADATA, outcome(`${this.#prefix}enforced_`, verdict));
    if (verdict.allowed) {
      this.#stats.allowed.inc();
      return Status.Continue;
    }
    this.#stats.denied.inc();
    stream.localReply(403, 'RBAC: access denied', 0, `rbac_access_denied_matched_policy[${verdict.policy ?? 'none'}]`);
    return Status.Stop;
  }

  /** Rules that decide nothing: what they would have done is counted. */
  #try(shadow: RbacEngine, info: StreamInfo, headers: RequestHeaders): void {
    const verdict = shadow.decide(headers, info);
    (verdict.allowed ? this.#stats.shadowAllowed : this.#stats.shadowDenied).inc();
    note(info, METADATA, outcome(`${this.#shadowPrefix}shadow_`, verdict));
  }
}

function outcome(prefix: string, { allowed, policy }: RbacVerdict): Record<string, unknown> {
  const values: Record<string, unknown> = { [`${prefix}engine_result`]: allowed ? 'allowed' : 'denied' };
  if (policy !== null) values[`${prefix}effective_policy_id`] = policy;
  return values;
}

function note(info: StreamInfo, namespace: string, values: Record<string, unknown>): void {
  info.dynamicMetadata ??= new Map<string, Record<string, unknown>>();
  const before = info.dynamicMetadata.get(namespace);
  info.dynamicMetadata.set(namespace, before === undefined ? values : Object.assign(values, before));
}

class RbacFactory implements HttpFilterFactory {
  readonly #stats: RbacStats;
  readonly #filter: RbacFilter;
  readonly #ofRoutes = new WeakMap<RbacSettings, RbacFilter>();

  constructor(settings: RbacSettings, deps: FilterDeps) {
    this.#stats = new RbacStats(deps, settings);
    this.#filter = new RbacFilter(settings, this.#stats);
  }

  newFilter(route: Route | null, name: string): HttpFilter {
    const own = route === null ? undefined : (route.filterSettings(name) as RbacSettings | undefined);
    if (own === undefined) return this.#filter;
    let filter = this.#ofRoutes.get(own);
    if (filter === undefined) {
      filter = new RbacFilter(own, this.#stats);
      this.#ofRoutes.set(own, filter);
    }
    return filter;
  }
}

export function createRbac(settings: RbacSettings, deps: FilterDeps): HttpFilterFactory {
  return new RbacFactory(settings, deps);
}
