/** Listeners that are legal but cannot work as meant. Looks at settings alone; config.ts reports what it finds, with its place. */
import type { FilterChainSettings, ListenerSettings } from './settings.ts';

export interface ListenerFinding {
  /** Field names from the listener down; a number is the index in the list before it. */
  readonly fields: readonly (string | number)[];
  readonly message: string;
}

const TLS_INSPECTOR = 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector';
const HTTP_INSPECTOR = 'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector';
const TCP_PROXY = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

/** What http_inspector finds; only the first two can be found by no other filter. */
const HTTP_PROTOCOLS: ReadonlySet<string> = new Set(['http/1.0', 'http/1.1', 'h2c']);
/** A client that waits for the server's greeting is held up this long before it is noticed. */
const NOTICED_MS = 1000;

export function lintListener(settings: ListenerSettings): ListenerFinding[] {
  const findings: ListenerFinding[] = [];
  const has = (type: string) => settings.listenerFilters.some((filter) => filter.type === type);
  settings.filterChains.forEach((chain, i) => {
    const report = (field: string, message: string) =>
      findings.push({ fields: ['filter_chains', i, 'filter_chain_match', field], message });
    const { serverNames, transportProtocol, applicationProtocols } = chain.match;
    // Envoy adds no inspector by itself: without one these chains can never be picked.
    if (!has(TLS_INSPECTOR)) {
      if (serverNames.length > 0) report('server_names', 'can never match: the listener has no tls_inspector to read server names');
      if (transportProtocol === 'tls') report('transport_protocol', 'can never match: the listener has no tls_inspector to detect TLS');
    }
    const http = applicationProtocols.some((protocol) => HTTP_PROTOCOLS.has(protocol));
    if (http && !has(HTTP_INSPECTOR) && !has(TLS_INSPECTOR)) {
      report('application_protocols', 'can never match: the listener has no http_inspector to detect HTTP');
    }
  });
  const chains = settings.defaultFilterChain === null ? settings.filterChains : [...settings.filterChains, settings.defaultFilterChain];
  const { listenerFiltersTimeoutMs: timeoutMs } = settings;
  if (
    (has(TLS_INSPECTOR) || has(HTTP_INSPECTOR)) &&
    chains.some(isTcp) &&
    !settings.continueOnListenerFiltersTimeout &&
    (timeoutMs === 0 || timeoutMs > NOTICED_MS)
  ) {
    const wait = timeoutMs === 0 ? 'for ever' : `${timeoutMs / 1000}s`;
    const then = timeoutMs === 0 ? '' : ', and are then closed';
    findings.push({
      fields: ['listener_filters_timeout'],
      message: `clients of protocols in which the server speaks first wait ${wait}${then}; set continue_on_listener_filters_timeout and at most 1s`,
    });
  }
  return findings;
}

function isTcp(chain: FilterChainSettings): boolean {
  return chain.filters.some((filter) => filter.type === TCP_PROXY);
}
