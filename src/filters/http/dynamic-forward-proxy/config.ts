/** Source: envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig. */
import { compileDnsCache } from '../../../cluster/dns-cache/config.ts';
import type { DnsCacheSettings } from '../../../cluster/dns-cache/settings.ts';
import type { CompileContext } from '../../../config/context.ts';
import type {
  FilterConfig,
  PerRouteConfig,
} from '../../../config/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';

export interface ForwardProxyFilterSettings {
  readonly cache: DnsCacheSettings;
}

/** What the Host header becomes; at most one is set. */
export interface ForwardProxyRouteSettings {
  readonly hostLiteral: string;
  /** Name of a request header that tells it; ''. */
  readonly hostHeader: string;
}

export function compileForwardProxyFilter(message: FilterConfig, at: CompileContext): ForwardProxyFilterSettings | null {
  const specifier = message.implementationSpecifier;
  if (specifier.case === 'dnsCacheConfig') return { cache: compileDnsCache(specifier.value, at.field('dns_cache_config')) };
  if (specifier.case === undefined) at.error('a dns_cache_config must be set');
  return null;
}

export function compileForwardProxyOfRoute(message: PerRouteConfig): ForwardProxyRouteSettings {
  const { case: kind, value } = message.hostRewriteSpecifier;
  return {
    hostLiteral: kind === 'hostRewriteLiteral' ? value : '',
    hostHeader: kind === 'hostRewriteHeader' ? value.toLowerCase() : '',
  };
}
