/** Resolves the name that a request wants to go to, before the router asks the cluster for a host. Behaviour: Envoy's ProxyFilter. */
import type { CachedName, DnsCache, DnsWaiter } from '../../../cluster/dns-cache/dns-cache.ts';
import { defaultPort } from '../../../cluster/forward-proxy.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import type { ForwardProxyFilterSettings, ForwardProxyRouteSettings } from './config.ts';

class ForwardProxyFilter extends PassThroughFilter implements DnsWaiter {
  readonly #cache: DnsCache;
  /** The request that waits, and for what; null: none does. */
  #stream: HttpStream | null;
  #entry: CachedName | null;

  constructor(cache: DnsCache) {
    super();
    this.#cache = cache;
    this.#stream = null;
    this.#entry = null;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, _end: boolean): Status {
    const cluster = stream.clusterName === '' ? null : stream.clusters.get(stream.clusterName);
    if (cluster === null || cluster.settings.forwardProxy === null) return Status.Continue;
    rewriteHost(stream.routeSettings<ForwardProxyRouteSettings>(this), headers);
    if (!this.#cache.admit()) {
      stream.localReply(503, 'Dynamic forward proxy pending request overflow', 0, 'dynamic_forward_proxy_pending_request_overflow');
      return Status.Stop;
    }
    const entry = this.#cache.load(headers.authority, defaultPort(cluster.settings.tls !== null));
    if (entry !== null && !entry.answered) {
      this.#stream = stream;
      this.#entry = entry;
      entry.waiting.add(this);
      return Status.StopAllAndWatermark;
    }
    this.#cache.release();
    if (entry === null) stream.localReply(503, 'DNS cache overflow', 0, 'dns_cache_overflow');
    else if (entry.address === null) refuse(stream, entry);
    else return Status.Continue;
    return Status.Stop;
  }

  onDnsAnswer(entry: CachedName): void {
    const stream = this.#stream;
    this.#stream = null;
    this.#entry = null;
    this.#cache.release();
    if (stream === null || stream.ended) return;
    if (entry.address === null) refuse(stream, entry);
    else stream.continueRequest(this);
  }

  override onStreamEnd(): void {
    const entry = this.#entry;
    if (entry === null) return;
    this.#stream = null;
    this.#entry = null;
    entry.waiting.delete(this);
    this.#cache.release();
  }
}

function rewriteHost(route: ForwardProxyRouteSettings | null, headers: RequestHeaders): void {
  if (route === null) return;
  const host = route.hostLiteral !== '' ? route.hostLiteral : route.hostHeader === '' ? undefined : headers.get(route.hostHeader);
  if (host !== undefined) headers.authority = host;
}

function refuse(stream: HttpStream, entry: CachedName): void {
  const details = entry.failure === '' ? 'dns_resolution_failure' : `dns_resolution_failure{${entry.failure}}`;
  stream.localReply(503, 'DNS resolution failure', Flag.DF, details);
}

export function createForwardProxy(settings: ForwardProxyFilterSettings, deps: FilterDeps): HttpFilterFactory {
  const cache = deps.clusters.dnsCache!(settings.cache);
  return { newFilter: (): HttpFilter => new ForwardProxyFilter(cache) };
}
