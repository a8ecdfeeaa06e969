/** Resolves the server name of the client's TLS handshake, before tcp_proxy asks the cluster for a host. Behaviour: Envoy's sni_dynamic_forward_proxy. */
import type { CachedName, DnsCache, DnsWaiter } from '../../../cluster/dns-cache/dns-cache.ts';
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterDeps, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';
import type { SniForwardProxySettings } from './config.ts';

/** Filter state that the cluster reads, and that other filters may set. */
const PORT_STATE = 'envoy.upstream.dynamic_port';

class SniForwardProxyFilter implements NetworkFilter, DnsWaiter {
  readonly #cache: DnsCache;
  readonly #port: number;
  readonly #callbacks: NetworkFilterCallbacks;
  /** What the connection waits for; null. */
  #entry: CachedName | null;

  constructor(cache: DnsCache, port: number, callbacks: NetworkFilterCallbacks) {
    this.#cache = cache;
    this.#port = port;
    this.#callbacks = callbacks;
    this.#entry = null;
  }

  onConnection(): Status {
    const { info, streamInfo, connection } = this.#callbacks;
    const name = info.requestedServerName;
    if (name === '') return Status.Continue;
    if (!this.#cache.admit()) {
      connection.close('no-flush');
      return Status.Stop;
    }
    streamInfo.filterState ??= new Map();
    const wanted = Number(streamInfo.filterState.get(PORT_STATE) ?? 0);
    const port = wanted > 0 && wanted <= 65_535 ? wanted : this.#port;
    streamInfo.filterState.set(PORT_STATE, port);
    const entry = this.#cache.load(name, port);
    if (entry !== null && !entry.answered) {
      this.#entry = entry;
      entry.waiting.add(this);
      return Status.Stop;
    }
    this.#cache.release();
    // Without an address the cluster has no such host; tcp_proxy finds that out.
    if (entry !== null) return Status.Continue;
    connection.close('no-flush');
    return Status.Stop;
  }

  onDnsAnswer(): void {
    this.#entry = null;
    this.#cache.release();
    this.#callbacks.connection.dispatch(() => this.#callbacks.continueReading());
  }

  onData(): Status {
    return this.#entry === null ? Status.Continue : Status.Stop;
  }

  onClose(): void {
    const entry = this.#entry;
    if (entry === null) return;
    this.#entry = null;
    entry.waiting.delete(this);
    this.#cache.release();
  }
}

export function createSniForwardProxy(settings: SniForwardProxySettings, deps: NetworkFilterDeps): NetworkFilterFactory {
  const cache = deps.clusters.dnsCache!(settings.cache);
  return { newFilter: (callbacks) => new SniForwardProxyFilter(cache, settings.port, callbacks) };
}
