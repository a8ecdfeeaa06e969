/** Which listener and which filter chain a connection gets, and why not the others. */
import { DownstreamConnectionInfo } from '../../listener/connection-info.ts';
import type { FilterChain } from '../../listener/filter-chain.ts';
import { addressText } from '../../listener/listen-socket.ts';
import { firstDifference, givenCriteria, unmetCriteria } from '../../listener/match/explain.ts';
import type { ListenerSettings } from '../../listener/settings.ts';
import type { TcpListener } from '../../listener/tcp-listener.ts';
import { type Address, ipAddress, parseIpPort } from '../../net/address.ts';
import { DryConnection } from './dry-run.ts';
import type { ChainPart } from './explanation.ts';
import { type ExplainQuestion, QuestionError } from './question.ts';

/** The listeners of a worker. */
export interface Listeners {
  readonly listeners: readonly TcpListener[];
  findForDestination(destination: Address): TcpListener | null;
}

export interface PickedListener {
  readonly listener: TcpListener;
  readonly why: string;
  readonly destination: Address;
  /** Another listener accepted the connection, and the destination was restored. */
  readonly redirected: boolean;
}

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const HTTP_INSPECTOR = 'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector';
const TLS_INSPECTOR = 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector';

/** null = nobody listens there. */
export function pickListener(question: ExplainQuestion, world: Listeners): PickedListener | null {
  if (question.listener !== '') {
    const listener = world.listeners.find(({ settings }) => settings.name === question.listener);
    if (listener === undefined) throw new QuestionError(`there is no listener '${question.listener}'`);
    const destination = parseIpPort(question.destination) ?? ownAddress(listener.settings);
    return { listener, why: 'asked for by name', destination, redirected: false };
  }
  if (question.destination !== '') return listenerOf(parseIpPort(question.destination)!, world);
  const port = portOf(question);
  const bound = world.listeners.filter(({ settings }) => settings.bindToPort);
  const atPort = bound.find(({ settings }) => settings.addresses.some((a) => a.kind === 'ip' && a.port === port));
  if (atPort !== undefined)
    return {
      listener: atPort,
      why: `listens on the URL's port ${port}`,
      destination: ownAddress(atPort.settings, port),
      redirected: false,
    };
  const first = bound.find(({ settings }) => speaksHttp(settings)) ?? world.listeners.find(({ settings }) => speaksHttp(settings));
  if (first === undefined) return null;
  return {
    listener: first,
    why: 'no destination given: the first HTTP listener',
    destination: ownAddress(first.settings),
    redirected: false,
  };
}

function listenerOf(destination: Address, world: Listeners): PickedListener | null {
  const own = world.findForDestination(destination);
  if (own?.settings.bindToPort) return { listener: own, why: `listens on ${destination.text}`, destination, redirected: false };
  const capture = world.listeners.find(({ settings }) => settings.bindToPort && settings.useOriginalDst);
  if (capture === undefined) return null;
  const name = capture.settings.name;
  if (own !== null) return { listener: own, why: `handed over by '${name}' for ${destination.text}`, destination, redirected: true };
  return { listener: capture, why: `takes redirected connections that no listener is named for`, destination, redirected: true };
}

function portOf(question: ExplainQuestion): number {
  const colon = question.authority.lastIndexOf(':');
  const port = colon > question.authority.lastIndexOf(']') ? Number(question.authority.slice(colon + 1)) : Number.NaN;
  return Number.isInteger(port) ? port : question.scheme === 'https' ? 443 : 80;
}

function ownAddress(settings: ListenerSettings, port = 0): Address {
  const ips = settings.addresses.filter((address) => address.kind === 'ip');
  const address = ips.find((a) => a.port === port) ?? ips[0];
  if (address === undefined) return ipAddress('127.0.0.1', 0);
  const any = address.ip === '0.0.0.0' ? '127.0.0.1' : address.ip === '::' ? '::1' : address.ip;
  return ipAddress(any, address.port);
}

function speaksHttp(settings: ListenerSettings): boolean {
  const chains = settings.defaultFilterChain === null ? settings.filterChains : [...settings.filterChains, settings.defaultFilterChain];
  return chains.some((chain) => chain.filters.some((filter) => filter.type === HCM));
}

/** The connection as listener filters would leave it. */
export function connectionFacts(
  question: ExplainQuestion,
  { listener, destination, redirected }: PickedListener,
): DownstreamConnectionInfo {
  const { settings } = listener;
  const facts = new DownstreamConnectionInfo(new DryConnection(destination, parseIpPort(question.source)!));
  const inspects = (type: string) => settings.listenerFilters.some((filter) => filter.type === type);
  facts.localAddressRestored = redirected;
  facts.transportProtocol = question.sni !== '' && inspects(TLS_INSPECTOR) ? 'tls' : 'raw_buffer';
  if (facts.transportProtocol === 'tls') facts.requestedServerName = question.sni;
  else if (inspects(HTTP_INSPECTOR)) facts.applicationProtocols = ['http/1.1'];
  facts.listenerName = settings.name;
  facts.trafficDirection = settings.trafficDirection;
  return facts;
}

export function chainReport(listener: TcpListener, chosen: FilterChain | null, facts: DownstreamConnectionInfo): ChainPart {
  const { filterChains, defaultFilterChain } = listener.settings;
  const others = filterChains.flatMap((chain, index) => {
    if (chain === chosen?.settings) return [];
    const unmet = unmetCriteria(chain.match, facts);
    return [
      { name: chain.name, index, unmet, why: unmet.length > 0 ? 'criteria not met' : outdone(chosen, chain.match, defaultFilterChain) },
    ];
  });
  const index = chosen === null ? -1 : filterChains.indexOf(chosen.settings);
  return {
    name: chosen?.settings.name ?? '',
    index,
    criteria: chosen === null || index < 0 ? [] : givenCriteria(chosen.settings.match),
    network_filters: (chosen?.settings.filters ?? []).map(({ name, type }) => ({ name, type })),
    others,
  };
}

function outdone(chosen: FilterChain | null, match: Parameters<typeof givenCriteria>[0], fallback: unknown): string {
  if (chosen === null || chosen.settings === fallback)
    return 'its criteria are met, but a more specific chain was looked at first and there is no way back';
  return `its criteria are met, but the chosen chain is more specific in ${firstDifference(chosen.settings.match, match)}`;
}

export function listenerAddresses(listener: TcpListener): string[] {
  return listener.settings.addresses.map(addressText);
}
