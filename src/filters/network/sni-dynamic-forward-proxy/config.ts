/** Source: envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig. */
import { compileDnsCache } from '../../../cluster/dns-cache/config.ts';
import type { DnsCacheSettings } from '../../../cluster/dns-cache/settings.ts';
import type { CompileContext } from '../../../config/context.ts';
import type { FilterConfig } from '../../../config/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js';

export interface SniForwardProxySettings {
  readonly cache: DnsCacheSettings;
  /** Where connections go unless filter state says otherwise. */
  readonly port: number;
}

const HTTPS_PORT = 443;

export function compileSniForwardProxy(message: FilterConfig, at: CompileContext): SniForwardProxySettings {
  return {
    cache: compileDnsCache(message.dnsCacheConfig!, at.field('dns_cache_config')),
    port: message.portSpecifier.case === 'portValue' ? message.portSpecifier.value : HTTPS_PORT,
  };
}
