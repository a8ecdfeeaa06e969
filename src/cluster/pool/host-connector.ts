/** How a cluster reaches its hosts: over TLS where the transport socket says so, at whichever of a host's addresses answers first. */
import type { HostAddress } from '../../lb/host.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ClusterStats } from '../cluster-stats.ts';
import { serverNameOf } from '../forward-proxy.ts';
import type { PooledHost } from '../pooled-host.ts';
import type { ClusterSettings } from '../settings.ts';
import { announcesClients, proxyProtocolOf, type TransportSockets } from '../transport-sockets.ts';
import type { ConnectAttempt, ConnectListener, ConnectOptions, Connector } from './connect.ts';
import { EyeballsAttempt, inEyeballsOrder } from './happy-eyeballs.ts';
import { SecureAttempt } from './secure-connect.ts';
import type { ServerNames } from './server-names.ts';

export class HostConnector {
  readonly #settings: ClusterSettings;
  readonly #connect: Connector;
  readonly #options: ConnectOptions;
  readonly #sockets: TransportSockets | null;
  readonly #clock: Clock;
  readonly #stats: ClusterStats;
  readonly #announces: boolean;

  /** @param sockets null = plain text to every host */
  constructor(settings: ClusterSettings, connect: Connector, sockets: TransportSockets | null, clock: Clock, stats: ClusterStats) {
    this.#settings = settings;
    this.#connect = connect;
    this.#sockets = sockets;
    this.#clock = clock;
    this.#stats = stats;
    this.#options = {
      bufferLimit: settings.perConnectionBufferLimit,
      tcpKeepAlive: settings.tcpKeepAlive,
      bindAddress: settings.bindAddress,
    };
    this.#announces = announcesClients(settings);
  }

  connect(host: PooledHost, listener: ConnectListener, names: ServerNames, alpn: readonly string[]): ConnectAttempt {
    if (host.others === null) return this.#at(host.address, host, listener, names, alpn);
    const addresses = inEyeballsOrder([host.address, ...host.others], this.#settings.happyEyeballs);
    let tries = 0;
    return new EyeballsAttempt(addresses, this.#clock, listener, (address, each) => {
      // To Envoy each is a connection.
      if (tries++ > 0) {
        this.#stats.upstreamCxTotal.inc();
        host.connectionTriedAgain();
      }
      return this.#at(address, host, each, names, alpn);
    });
  }

  #at(address: HostAddress, host: PooledHost, listener: ConnectListener, names: ServerNames, alpn: readonly string[]): ConnectAttempt {
    const tls = this.#sockets?.of(host.metadata) ?? null;
    const { source, client } = names;
    const proxyProtocol = this.#announces ? proxyProtocolOf(this.#settings, host.metadata) : null;
    const options = source === null && proxyProtocol === null ? this.#options : { ...this.#options, source, client, proxyProtocol };
    if (tls === null) return this.#connect(address, options, listener);
    const own = this.#settings.forwardProxy !== null ? serverNameOf(host.hostname) : tls.settings.autoHostSni ? host.hostname : '';
    const named = names.sni === '' && own !== '' ? { ...names, sni: own } : names;
    return new SecureAttempt(this.#connect, address, options, { tls, names: named, alpn }, listener);
  }
}
