/** Listener settings from their message. Source: envoy.config.listener.v3.Listener. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../config/context.ts';
import type { AccessLog } from '../config/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { type Address, SocketAddress_Protocol as Protocol, type TcpKeepalive } from '../config/gen/envoy/config/core/v3/address_pb.js';
import type { TransportSocket } from '../config/gen/envoy/config/core/v3/base_pb.js';
import { type SocketOption, SocketOption_SocketState as SocketState } from '../config/gen/envoy/config/core/v3/socket_option_pb.js';
import type {
  FilterChain,
  ListenerFilter,
  ListenerFilterChainMatchPredicate as Predicate,
} from '../config/gen/envoy/config/listener/v3/listener_components_pb.js';
import { Listener_DrainType as DrainType, type Listener } from '../config/gen/envoy/config/listener/v3/listener_pb.js';
import type { DownstreamTlsContext } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { durationMs } from '../http/config.ts';
import { isIp } from '../net/address.ts';
import { compileDownstreamTls, DOWNSTREAM_TLS, type Secrets } from '../tls/config.ts';
import type { DownstreamTlsSettings } from '../tls/settings.ts';
import { lintListener } from './lint.ts';
import { compileFilterChainMatch, ruleText } from './match/config.ts';
import { FilterChainTable } from './match/filter-chain-match.ts';
import type {
  ExtensionSettings,
  FilterChainSettings,
  FilterDisabledSettings,
  KeepaliveSettings,
  ListenAddressSettings,
  ListenerFilterSettings,
  ListenerSettings,
  SocketOptionSettings,
} from './settings.ts';

/** Compilers of the parts, injected: a listener never knows the registry. Each returns null for what it refused (and reported). */
export interface ListenerCompilers {
  /** `name` is the extension's own, e.g. "envoy.filters.network.tcp_proxy". */
  networkFilter(any: Any, at: CompileContext): { name: string; type: string; settings: unknown; terminal: boolean } | null;
  listenerFilter(any: Any, at: CompileContext): { type: string; settings: unknown } | null;
  accessLog(message: AccessLog, at: CompileContext): unknown;
  readonly secrets: Secrets;
}

const ORIGINAL_DST = 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst';
const RAW_BUFFER = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';

/** Envoy's default for per_connection_buffer_limit_bytes. */
const DEFAULT_BUFFER_LIMIT = 1 << 20;
const DEFAULT_FILTERS_TIMEOUT_MS = 15_000;
const DEFAULT_TRANSPORT_CONNECT_TIMEOUT_MS = 15_000;

export function compileListener(message: Listener, at: CompileContext, compilers: ListenerCompilers): ListenerSettings {
  const addresses = compileAddresses(message, at);
  const label = addresses[0] === undefined ? message.name : displayAddress(addresses[0]);
  if (message.udpListenerConfig !== undefined) at.unsupported('udp_listener_config');
  if (message.apiListener !== undefined) at.unsupported('api_listener');
  if (message.listenerSpecifier.case === 'internalListener') at.unsupported('internal_listener');

  const filterChains = message.filterChains.map((chain, i) => compileFilterChain(chain, at.field('filter_chains', i), compilers));
  const defaultFilterChain =
    message.defaultFilterChain === undefined
      ? null
      : compileFilterChain(message.defaultFilterChain, at.field('default_filter_chain'), compilers);
  if (filterChains.length === 0 && defaultFilterChain === null) at.error(`error adding listener '${label}': no filter chains specified`);
  checkMatches(message.filterChains, filterChains, label, at);

  const listenerFilters = message.listenerFilters
    .map((filter, i) => compileListenerFilter(filter, at.field('listener_filters', i), compilers))
    .filter((f) => f !== null);
  const useOriginalDst = message.useOriginalDst ?? false;
  if (useOriginalDst && !listenerFilters.some((f) => f.type === ORIGINAL_DST)) {
    listenerFilters.push({ name: 'envoy.filters.listener.original_dst', type: ORIGINAL_DST, settings: {}, disabled: null });
  }
  const settings: ListenerSettings = {
    name: message.name,
    statPrefix: message.statPrefix,
    addresses,
    bindToPort: message.bindToPort ?? message.deprecatedV1?.bindToPort ?? true,
    useOriginalDst,
    transparent: message.transparent ?? false,
    freebind: message.freebind ?? false,
    socketOptions: message.socketOptions.map(compileSocketOption),
    keepalive: compileKeepalive(message.tcpKeepalive),
    backlog: message.tcpBacklogSize ?? 0,
    fastOpenQueueLength: message.tcpFastOpenQueueLength ?? 0,
    reusePort: message.enableReusePort ?? true,
    bufferLimit: message.perConnectionBufferLimitBytes ?? DEFAULT_BUFFER_LIMIT,
    listenerFilters,
    listenerFiltersTimeoutMs: durationMs(message.listenerFiltersTimeout) ?? DEFAULT_FILTERS_TIMEOUT_MS,
    continueOnListenerFiltersTimeout: message.continueOnListenerFiltersTimeout,
    trafficDirection: message.trafficDirection,
    drainType: message.drainType === DrainType.MODIFY_ONLY ? 'MODIFY_ONLY' : 'DEFAULT',
    ignoreGlobalConnectionLimit: message.ignoreGlobalConnLimit,
    bypassOverloadManager: message.bypassOverloadManager,
    exactBalance: message.connectionBalanceConfig?.balanceType.case === 'exactBalance',
    filterChains,
    defaultFilterChain,
    accessLogs: message.accessLog.map((log, i) => compilers.accessLog(log, at.field('access_log', i))).filter((log) => log !== null),
  };
  for (const finding of lintListener(settings)) {
    let here = at;
    for (let i = 0; i < finding.fields.length; i++) {
      const next = finding.fields[i + 1];
      here = typeof next === 'number' ? here.field(String(finding.fields[i++]), next) : here.field(String(finding.fields[i]));
    }
    here.warn(finding.message);
  }
  return settings;
}

function compileAddresses(message: Listener, at: CompileContext): ListenAddressSettings[] {
  if (message.address === undefined) {
    if (message.apiListener === undefined && message.listenerSpecifier.case === undefined) {
      at.error(`error adding listener named '${message.name}': address is necessary`);
    }
    return [];
  }
  const all = [compileListenAddress(message.address, at.field('address'))];
  message.additionalAddresses.forEach((more, i) => {
    const place = at.field('additional_addresses', i).field('address');
    if (more.address === undefined) place.error('missing');
    else all.push(compileListenAddress(more.address, place));
  });
  return all.filter((address) => address !== null);
}

export function compileListenAddress(address: Address, at: CompileContext): ListenAddressSettings | null {
  const { case: kind, value } = address.address;
  if (kind === 'pipe') return { kind: 'pipe', path: value.path, mode: value.mode };
  if (kind !== 'socketAddress') {
    if (kind === 'envoyInternalAddress') at.unsupported('envoy_internal_address');
    else at.error('missing');
    return null;
  }
  const place = at.field('socket_address');
  if (value.protocol === Protocol.UDP) {
    place.unsupported('protocol', 'UDP listeners are not supported by Outrider yet');
    return null;
  }
  if (!isIp(value.address)) {
    place.field('address').error(`malformed IP address: ${value.address}`);
    return null;
  }
  const port = value.portSpecifier.case === 'portValue' ? value.portSpecifier.value : 0;
  if (value.portSpecifier.case === 'namedPort') place.field('named_port').error('a listener needs a port number');
  if (value.ipv4Compat && value.address !== '::' && !value.address.startsWith('::ffff:')) {
    place
      .field('ipv4_compat')
      .error(`Only IPv6 address '::' or valid IPv4-mapped IPv6 address can set ipv4_compat: ${value.address}:${port}`);
  }
  return { kind: 'ip', ip: value.address, port, ipv4Compat: value.ipv4Compat };
}

function displayAddress(address: ListenAddressSettings): string {
  if (address.kind === 'pipe') return address.path;
  return address.ip.indexOf(':') < 0 ? `${address.ip}:${address.port}` : `[${address.ip}]:${address.port}`;
}

function compileFilterChain(chain: FilterChain, at: CompileContext, compilers: ListenerCompilers): FilterChainSettings {
  const filters: ExtensionSettings[] = [];
  let servable = true;
  chain.filters.forEach((filter, i) => {
    const place = at.field('filters', i);
    if (filter.configType.case !== 'typedConfig') {
      if (filter.configType.case === 'configDiscovery') place.unsupported('config_discovery');
      else place.error(`Didn't find a registered implementation for '${filter.name}' with type URL: ''`);
      return;
    }
    const compiled = compilers.networkFilter(filter.configType.value, place.field('typed_config'));
    const last = i === chain.filters.length - 1;
    if (compiled === null) {
      // Nobody is left to serve its connections: a chain without filters closes them, as in Envoy.
      if (last) servable = false;
      return;
    }
    if (compiled.terminal && !last) {
      place.error(
        `Error: terminal filter named ${filter.name} of type ${compiled.name} must be the last filter in a network filter chain.`,
      );
    } else if (!compiled.terminal && last) {
      place.error(`Error: non-terminal filter named ${filter.name} of type ${compiled.name} is the last filter in a network filter chain.`);
    }
    filters.push({ name: filter.name, type: compiled.type, settings: compiled.settings });
  });
  return {
    name: chain.name,
    match: compileFilterChainMatch(chain.filterChainMatch, at.field('filter_chain_match')),
    filters: servable ? filters : [],
    tls:
      chain.transportSocket === undefined ? null : compileTransportSocket(chain.transportSocket, compilers, at.field('transport_socket')),
    transportSocketConnectTimeoutMs: durationMs(chain.transportSocketConnectTimeout) ?? DEFAULT_TRANSPORT_CONNECT_TIMEOUT_MS,
    metadata: chain.metadata === undefined ? null : chain.metadata.filterMetadata,
  };
}

/** null = plain text, also when it was refused. What was to be encrypted is never served in plain text: --allow-unsupported does not help. */
function compileTransportSocket(socket: TransportSocket, compilers: ListenerCompilers, at: CompileContext): DownstreamTlsSettings | null {
  const here = at.field('typed_config');
  const any = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  switch (anyTypeName(any)) {
    case RAW_BUFFER:
      return null;
    case DOWNSTREAM_TLS: {
      const message = here.unpackAs<DownstreamTlsContext>(any, DOWNSTREAM_TLS);
      return message === null ? null : compileDownstreamTls(message, compilers.secrets, here);
    }
    default:
      if (any !== undefined || (socket.name !== 'raw_buffer' && socket.name !== 'envoy.transport_sockets.raw_buffer'))
        here.error(`transport socket '${socket.name}' is not supported by Outrider yet`);
      return null;
  }
}

/** Two chains may not have one combination of criteria in common. */
function checkMatches(messages: readonly FilterChain[], chains: readonly FilterChainSettings[], label: string, at: CompileContext): void {
  const table = new FilterChainTable<FilterChainSettings>(null);
  const byRule = new Map<string, FilterChainSettings>();
  chains.forEach((chain, i) => {
    const place = at.field('filter_chains', i);
    const rule = ruleText(messages[i]!.filterChainMatch);
    const same = byRule.get(rule);
    if (same !== undefined) {
      place.error(
        `error adding listener '${label}': filter chain '${chain.name}' has the same matching rules defined as '${same.name}'. duplicate matcher is: ${rule}`,
      );
      return;
    }
    byRule.set(rule, chain);
    if (table.add(chain.match, chain) !== null) {
      place.error(`error adding listener '${label}': multiple filter chains with overlapping matching rules are defined`);
    }
  });
}

function compileListenerFilter(filter: ListenerFilter, at: CompileContext, compilers: ListenerCompilers): ListenerFilterSettings | null {
  if (filter.configType.case !== 'typedConfig') {
    if (filter.configType.case === 'configDiscovery') at.unsupported('config_discovery');
    else at.error(`Didn't find a registered implementation for '${filter.name}' with type URL: ''`);
    return null;
  }
  const compiled = compilers.listenerFilter(filter.configType.value, at.field('typed_config'));
  if (compiled === null) return null;
  const disabled = filter.filterDisabled === undefined ? null : compilePredicate(filter.filterDisabled);
  return { name: filter.name, type: compiled.type, settings: compiled.settings, disabled };
}

function compilePredicate(predicate: Predicate): FilterDisabledSettings {
  const { case: kind, value } = predicate.rule;
  switch (kind) {
    case 'orMatch':
      return { kind: 'any', of: value.rules.map(compilePredicate) };
    case 'andMatch':
      return { kind: 'all', of: value.rules.map(compilePredicate) };
    case 'notMatch':
      return { kind: 'not', of: compilePredicate(value) };
    case 'destinationPortRange':
      return { kind: 'port', start: value.start, end: value.end };
    default:
      // any_match; the rule is required, so there is no other.
      return { kind: 'always' };
  }
}

function compileSocketOption(option: SocketOption): SocketOptionSettings {
  const value = option.value.case === 'bufValue' ? Buffer.from(option.value.value).toString('latin1') : Number(option.value.value ?? 0);
  const state = option.state === SocketState.STATE_BOUND ? 'bound' : option.state === SocketState.STATE_LISTENING ? 'listening' : 'prebind';
  return { level: Number(option.level), name: Number(option.name), value, state };
}

function compileKeepalive(keepalive: TcpKeepalive | undefined): KeepaliveSettings | null {
  if (keepalive === undefined) return null;
  return { timeS: keepalive.keepaliveTime ?? 0, intervalS: keepalive.keepaliveInterval ?? 0, probes: keepalive.keepaliveProbes ?? 0 };
}
