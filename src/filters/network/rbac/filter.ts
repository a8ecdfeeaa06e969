/** Closes connections that rules do not allow, when their first bytes come. Behaviour: Envoy's RoleBasedAccessControlFilter for networks. */
import { type Clock, Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterDeps, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';
import { buildRbacEngine, type RbacEngine } from '../../rbac/engine.ts';
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
    this.rules = settings.rules === null ? null : buildRbacEngine(settings.rules);
    this.shadow = settings.shadowRules === null ? null : buildRbacEngine(settings.shadowRules);
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
    const verdict = rules.decide(null, this.#callbacks.streamInfo);
    if (verdict.logs !== null) this.#note('envoy.common', { access_log_hint: verdict.logs });
    if (verdict.allowed) {
      allowed.inc();
      return;
    }
    denied.inc();
    this.#denied = true;
    this.#details = `rbac_access_denied_matched_policy[${(verdict.policy ?? 'none').replaceAll(' ', '_')}]`;
    if (settings.delayDenyMs > 0) clock.arm(this.#delay, settings.delayDenyMs);
    else this.onTimer();
  }

  #checkShadow(): void {
    this.#shadowChecked = true;
    const { shadow, settings, shadowAllowed, shadowDenied } = this.#rbac;
    if (shadow === null) return;
    const { allowed, policy } = shadow.decide(null, this.#callbacks.streamInfo);
    (allowed ? shadowAllowed : shadowDenied).inc();
    const prefix = settings.shadowRulesStatPrefix;
    const values: Record<string, unknown> = { [`${prefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied' };
    if (policy !== null) values[`${prefix}shadow_effective_policy_id`] = policy;
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
