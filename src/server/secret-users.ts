/** Which listeners and clusters name which secrets: whose contexts an update concerns, and which secrets nobody wants any more. */
import type { ClusterSettings } from '../cluster/settings.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import type { StatsScope } from '../stats/scope.ts';
import { secretNames } from '../tls/secrets.ts';
import type { CommonTlsSettings } from '../tls/settings.ts';

interface User {
  readonly names: ReadonlySet<string>;
  /** Of `ssl_context_update_by_sds`; null = it has no address to have statistics by. */
  readonly scope: () => StatsScope | null;
}

/** A quick look at a cluster that is packed as JSON. */
const NAMES_SECRETS = /"certificateSecrets":\["|"validationSecret":"[^"]/;

export class SecretUsers {
  readonly #root: StatsScope;
  readonly #users: Map<string, User>;
  /** Secrets that have come from a discovery service. */
  readonly #updated: Set<string>;
  /** First address by the listener's name. */
  addressOf: (listener: string) => string | undefined;

  constructor(root: StatsScope) {
    this.#root = root;
    this.#users = new Map();
    this.#updated = new Set();
    this.addressOf = () => undefined;
  }

  static mayName(json: string): boolean {
    return NAMES_SECRETS.test(json);
  }

  setListener(settings: ListenerSettings): void {
    const { name, statPrefix } = settings;
    this.#put(`listener ${name}`, namesOfListener(settings), () => {
      const text = statPrefix || this.addressOf(name);
      if (text === undefined) return null;
      return this.#root.tagged('listener', 'envoy.listener_address', text.replaceAll(':', '_')).scope('server_ssl_socket_factory');
    });
  }

  setCluster(settings: ClusterSettings): void {
    const name = (settings.altStatName || settings.name).replaceAll(':', '_');
    this.#put(`cluster ${settings.name}`, namesOfCluster(settings), () =>
      this.#root.tagged('cluster', 'envoy.cluster_name', name).scope('client_ssl_socket_factory'),
    );
  }

  removeListener(name: string): void {
    this.#users.delete(`listener ${name}`);
  }

  removeCluster(name: string): void {
    this.#users.delete(`cluster ${name}`);
  }

  isUsed(secret: string): boolean {
    for (const { names } of this.#users.values()) if (names.has(secret)) return true;
    return false;
  }

  /** A secret has come, or has changed. */
  onUpdate(secret: string): void {
    this.#updated.add(secret);
    for (const { names, scope } of this.#users.values()) if (names.has(secret)) count(scope());
  }

  forget(secret: string): void {
    this.#updated.delete(secret);
  }

  #put(key: string, names: ReadonlySet<string>, scope: () => StatsScope | null): void {
    const before = this.#users.get(key)?.names;
    if (names.size === 0) {
      this.#users.delete(key);
      return;
    }
    this.#users.set(key, { names, scope });
    // What was fetched for it before it was put in force.
    for (const name of names) if (this.#updated.has(name) && before?.has(name) !== true) count(scope());
  }
}

function count(scope: StatsScope | null): void {
  scope?.counter('ssl_context_update_by_sds').inc();
}

export function namesOfListener({ filterChains, defaultFilterChain }: ListenerSettings): ReadonlySet<string> {
  return namesOf([...filterChains.map(({ tls }) => tls), defaultFilterChain?.tls ?? null]);
}

export function namesOfCluster({ tls, transportSocketMatches }: ClusterSettings): ReadonlySet<string> {
  return namesOf([tls, ...transportSocketMatches.map((match) => match.tls)]);
}

function namesOf(contexts: readonly ({ readonly common: CommonTlsSettings } | null)[]): ReadonlySet<string> {
  return new Set(contexts.flatMap((context) => (context === null ? [] : secretNames(context.common))));
}
