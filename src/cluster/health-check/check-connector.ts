/** How checks reach hosts: as requests do, with the cluster's transport sockets. Source: Host::createHealthCheckConnection. */

import type { Address } from '../../net/address.ts';
import type { Counter, StatsScope } from '../../stats/scope.ts';
import type { SecretSource } from '../../tls/secrets.ts';
import type { UpstreamTlsSettings } from '../../tls/settings.ts';
import { type ConnectAttempt, type ConnectListener, type ConnectOptions, connectSocket } from '../pool/connect.ts';
import { SecureAttempt } from '../pool/secure-connect.ts';
import { NO_NAMES } from '../pool/server-names.ts';
import type { ClusterSettings } from '../settings.ts';
import { matchStatistic, TransportSockets, usesTls } from '../transport-sockets.ts';
import type { CheckedHost } from './checked-host.ts';
import type { HealthCheckSettings } from './settings.ts';

/** What checks may say of how they are carried. */
export type CheckTransport = Pick<HealthCheckSettings, 'alpn' | 'transportSocketCriteria'>;

export class CheckConnector {
  readonly #options: ConnectOptions;
  readonly #sockets: TransportSockets | null;
  readonly #criteria: Readonly<Record<string, unknown>> | null;
  readonly #matched: Counter | null;

  /** @param sockets null = plain text to every host @param criteria stand for the metadata of every host; null = each has its own @param matched counts their use */
  constructor(
    options: ConnectOptions,
    sockets: TransportSockets | null = null,
    criteria: Readonly<Record<string, unknown>> | null = null,
    matched: Counter | null = null,
  ) {
    this.#options = options;
    this.#sockets = sockets;
    this.#criteria = criteria;
    this.#matched = matched;
  }

  /** @param scope `cluster.<name>.` of this thread */
  static of(cluster: ClusterSettings, check: CheckTransport, scope: StatsScope, secrets: SecretSource): CheckConnector {
    const { perConnectionBufferLimit: bufferLimit, tcpKeepAlive, bindAddress, proxyProtocol } = cluster;
    const options = { bufferLimit, tcpKeepAlive, bindAddress, proxyProtocol };
    if (!usesTls(cluster)) return new CheckConnector(options);
    const offering = (tls: UpstreamTlsSettings | null) => (tls === null || check.alpn.length === 0 ? tls : withAlpn(tls, check.alpn));
    const matches = cluster.transportSocketMatches.map((match) => ({ ...match, tls: offering(match.tls) }));
    const sockets = new TransportSockets({ ...cluster, tls: offering(cluster.tls), transportSocketMatches: matches }, scope, secrets);
    const criteria = check.transportSocketCriteria;
    return new CheckConnector(options, sockets, criteria, criteria === null ? null : scope.counter(matchStatistic(cluster, criteria)));
  }

  /** Over TLS. */
  isSecure(host: CheckedHost): boolean {
    return this.#tlsOf(host) !== null;
  }

  connect(host: CheckedHost, address: Address, listener: ConnectListener): ConnectAttempt {
    this.#matched?.inc();
    const tls = this.#tlsOf(host);
    if (tls === null) return connectSocket(address, this.#options, listener);
    const sni = tls.settings.autoHostSni ? host.record.hostname : '';
    return new SecureAttempt(connectSocket, address, this.#options, { tls, names: { ...NO_NAMES, sni }, alpn: [] }, listener);
  }

  #tlsOf(host: CheckedHost) {
    if (this.#sockets === null) return null;
    return this.#criteria === null ? this.#sockets.of(host.record.metadata) : this.#sockets.matching(this.#criteria);
  }
}

/** Source: HealthCheck.tls_options.alpn_protocols: instead of what the transport socket offers. */
function withAlpn(tls: UpstreamTlsSettings, alpn: readonly string[]): UpstreamTlsSettings {
  return { ...tls, common: { ...tls.common, alpn } };
}
