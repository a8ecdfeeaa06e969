/** Closes connections that rules do not allow, when their first bytes come. Behaviour: Envoy's RoleBasedAccessControlFilter for networks. */
import { type Clock, Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterDeps, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';
import { RbacEngine } from '../../rbac/engine.ts';
import type { ConnectionRbacSettings } from './config.ts';

const METADATA = 'envoy.filters.network.rbac';

/** What the filters of one chain share. */
class ConnectionRbac implements NetworkFilterFactory {
  readonly settings: ConnectionRbacSettings;
  readonly clock: Clock;
  readonly rules: RbacEngine | null;
  readonly shadow: RbacEngine | null;
  readonly allowed: Counter;
  readonly denied: Counter;
  readonly shadowAllowed: Counter;
  readonly shadowDenied: Counter;

  constructor(settings: ConnectionRbacSettings, clock: Clock, root: StatsScope) {
    this.settings = settings;
    this.clock = clock;
    this.rules = settings.rules === null ? null : new RbacEngine(settings.rules);
    this.shadow = settings.shadowRules === null ? null : new RbacEngine(settings.shadowRules);
    const prefix = settings.statPrefix.replace(/\.$/, '');
    const scope = root.scope(prefix === '' ? 'rbac' : `${prefix}.rbac`);
    const shadow = settings.shadowRulesStatPrefix.replace(/\.$/, '');
    const shadowScope = shadow === '' ? scope : scope.scope(shadow);
    this.allowed = scope.counter('allowed');
    this.denied = scope.counter('denied');
    this.shadowAllowed = shadowScope.counter('shadow_allowed');
    this.shadowDenied = shadowScope.counter('shadow_denied');
  }

  newFilter(callbacks: NetworkFilterCallbacks): NetworkFilter {
    return new ConnectionRbacFilter(this, callbacks);
  }
}

class ConnectionRbacFilter implements NetworkFilter, TimerTarget {
  readonly #rbac: ConnectionRbac;
  readonly #callbacks: NetworkFilterCallbacks;
  readonly #delay: Timer;
  #checked: boolean;
  #shadowChecked: boolean;
  #denied: boolean;
  #details: string;

  constructor(rbac: ConnectionRbac, callbacks: NetworkFilterCallbacks) {
    this.#rbac = rbac;
    this.#callbacks = callbacks;
    this.#delay = new Timer(this, 0);
    this.#checked = false;
    this.#shadowChecked = false;
    this.#denied = false;
    this.#details = '';
  }

  onConnection(): Status {
    return Status.Continue;
  }

  onData(): Status {
    if (this.#denied) return Status.Stop;
    const { continuous } = this.#rbac.settings;
    if (continuous || !this.#shadowChecked) this.#checkShadow();
    if (continuous || !this.#checked) this.#check();
    return this.#denied ? Status.Stop : Status.Continue;
  }

  onClose(): void {
    if (this.#delay.armed) this.#rbac.clock.disarm(this.#delay);
  }

  onTimer(): void {
    this.#callbacks.close('no-flush', this.#details);
  }

  #check(): void {
    this.#checked = true;
    const { rules, settings, clock, allowed, denied } = this.#rbac;
    if (rules === null) return;
    const matched = rules.match(null, this.#callbacks.streamInfo);
    if (rules.action === 'LOG') this.#note('envoy.common', { access_log_hint: matched !== null });
    if (rules.allows(matched)) {
      allowed.inc();
      return;
    }
    denied.inc();
    this.#denied = true;
    this.#details = `rbac_access_denied_matched_policy[${(matched ?? 'none').replaceAll(' ', '_')}]`;
    if (settings.delayDenyMs > 0) clock.arm(this.#delay, settings.delayDenyMs);
    else this.onTimer();
  }

  #checkShadow(): void {
    this.#shadowChecked = true;
    const { shadow, settings, shadowAllowed, shadowDenied } = this.#rbac;
    if (shadow === null) return;
    const matched = shadow.match(null, this.#callbacks.streamInfo);
    const allowed = shadow.allows(matched);
    (allowed ? shadowAllowed : shadowDenied).inc();
    const prefix = settings.shadowRulesStatPrefix;
    const values: Record<string, unknown> = { [`${prefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied' };
    if (matched !== null) values[`${prefix}shadow_effective_policy_id`] = matched;
    this.#note(METADATA, values);
  }

  #note(namespace: string, values: Record<string, unknown>): void {
    const info = this.#callbacks.streamInfo;
    info.dynamicMetadata ??= new Map<string, Record<string, unknown>>();
    info.dynamicMetadata.set(namespace, values);
  }
}

export function createConnectionRbac(settings: ConnectionRbacSettings, deps: NetworkFilterDeps): NetworkFilterFactory {
  return new ConnectionRbac(settings, deps.clock, deps.rootScope);
}
