/** Which TLS, if any, a cluster speaks with one of its hosts. */
import type { Host } from '../lb/host.ts';
import { type AddedTlv, HOST_TLVS, type UpstreamProxyProtocolSettings, withHostTlvs } from '../net/proxy-protocol.ts';
import type { StatsScope } from '../stats/scope.ts';
import type { SecretSource } from '../tls/secrets.ts';
import type { UpstreamTlsSettings } from '../tls/settings.ts';
import { TlsStats } from '../tls/stats.ts';
import { UpstreamTls } from '../tls/upstream-tls.ts';
import type { ClusterSettings } from './settings.ts';

/** Endpoint metadata that transport_socket_matches look at. */
const METADATA = 'envoy.transport_socket_match';

export class TransportSockets {
  readonly #default: UpstreamTls | null;
  readonly #matches: readonly { readonly match: Readonly<Record<string, unknown>>; readonly tls: UpstreamTls | null }[];

  constructor(settings: ClusterSettings, scope: StatsScope, secrets: SecretSource) {
    const stats = new TlsStats(scope, 'client');
    const make = (tls: UpstreamTlsSettings | null) => (tls === null ? null : new UpstreamTls(tls, stats, secrets));
    this.#default = make(settings.tls);
    this.#matches = settings.transportSocketMatches.map(({ match, tls }) => ({ match, tls: make(tls) }));
  }

  /** @param metadata of the endpoint @returns null = plain text */
  of(metadata: Host['metadata']): UpstreamTls | null {
    if (this.#matches.length === 0) return this.#default;
    return this.matching((metadata?.[METADATA] ?? NOTHING) as Readonly<Record<string, unknown>>);
  }

  /** @param criteria stand for the endpoint's `envoy.transport_socket_match` */
  matching(criteria: Readonly<Record<string, unknown>>): UpstreamTls | null {
    for (const { match, tls } of this.#matches) if (containsAll(criteria, match)) return tls;
    return this.#default;
  }
}

/** Some host is told whom a connection is for. */
export function announcesClients({ proxyProtocol, transportSocketMatches }: ClusterSettings): boolean {
  return proxyProtocol !== null || transportSocketMatches.some((match) => match.proxyProtocol !== null);
}

/** What a host is told first. @param metadata of the endpoint */
export function proxyProtocolOf(settings: ClusterSettings, metadata: Host['metadata']): UpstreamProxyProtocolSettings | null {
  const criteria = (metadata?.[METADATA] ?? NOTHING) as Readonly<Record<string, unknown>>;
  const found = settings.transportSocketMatches.find(({ match }) => containsAll(criteria, match)) ?? settings;
  const added = metadata?.[HOST_TLVS] as readonly AddedTlv[] | undefined;
  return found.proxyProtocol === null || added === undefined ? found.proxyProtocol : withHostTlvs(found.proxyProtocol, added);
}

/** Statistic that counts the hosts of that metadata, as Envoy names it. @param criteria `envoy.transport_socket_match` of an endpoint */
export function matchStatistic(settings: ClusterSettings, criteria: unknown): string {
  const found = settings.transportSocketMatches.find(({ match }) => containsAll((criteria ?? NOTHING) as Record<string, unknown>, match));
  return (found?.name ?? 'default') + '.total_match_count';
}

/** The same for an endpoint's metadata. */
export function matchStatisticOf(settings: ClusterSettings, metadata: Host['metadata']): string {
  return matchStatistic(settings, metadata?.[METADATA]);
}

const NOTHING: Readonly<Record<string, unknown>> = {};

function containsAll(metadata: Readonly<Record<string, unknown>>, match: Readonly<Record<string, unknown>>): boolean {
  for (const key of Object.keys(match)) {
    if (metadata[key] === undefined || JSON.stringify(metadata[key]) !== JSON.stringify(match[key])) return false;
  }
  return true;
}

/** Whether any host may be spoken to over TLS. */
export function usesTls(settings: ClusterSettings): boolean {
  return settings.tls !== null || settings.transportSocketMatches.some(({ tls }) => tls !== null);
}
