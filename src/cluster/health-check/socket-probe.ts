/** What checks over a plain socket share: one connection to the host, opened when a check needs it and kept between checks. */
import type { Address } from '../../net/address.ts';
import type { CloseEvent, Connection, ConnectionHandler } from '../../net/connection.ts';
import type { ConnectAttempt, ConnectListener } from '../pool/connect.ts';
import type { CheckConnector } from './check-connector.ts';
import type { CheckedHost } from './checked-host.ts';
import type { Probe, ProbeListener } from './probe.ts';

export abstract class SocketProbe implements Probe, ConnectListener, ConnectionHandler {
  protected readonly host: CheckedHost;
  protected readonly listener: ProbeListener;
  protected connection: Connection | null;
  /** A check waits for its result. */
  protected busy: boolean;
  readonly #connector: CheckConnector;
  #attempt: ConnectAttempt | null;
  /** Where the connection leads: a host's address may change. */
  #target: string;

  constructor(host: CheckedHost, listener: ProbeListener, connector: CheckConnector) {
    this.host = host;
    this.listener = listener;
    this.connection = null;
    this.busy = false;
    this.#connector = connector;
    this.#attempt = null;
    this.#target = '';
  }

  start(): void {
    this.busy = true;
    const address = this.address;
    const connection = this.connection;
    if (connection !== null && !connection.closing && this.#target === address.text) {
      connection.dispatch(() => this.send(connection));
      return;
    }
    this.disconnect();
    this.#target = address.text;
    this.#attempt = this.#connector.connect(this.host, address, this);
  }

  /** Of requests. */
  protected get scheme(): string {
    return this.#connector.isSecure(this.host) ? 'https' : 'http';
  }

  /** Where the check goes. */
  protected get address(): Address {
    return this.host.checkAddress;
  }

  abort(): void {
    this.busy = false;
    this.disconnect();
  }

  close(): void {
    this.abort();
  }

  onConnected(connection: Connection): void {
    this.#attempt = null;
    this.connection = connection;
    connection.handler = this;
    this.opened(connection);
    this.send(connection);
  }

  onConnectFailed(): void {
    this.#attempt = null;
    this.fail();
  }

  onEnd(): void {
    this.disconnect();
    this.fail();
  }

  onClose(_event: CloseEvent): void {
    this.connection = null;
    this.fail();
  }

  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}

  abstract onData(chunk: Buffer): void;
  /** The check's bytes go out. */
  protected abstract send(connection: Connection): void;
  /** A connection has come about. */
  protected opened(_connection: Connection): void {}

  /** Gives the connection up; nothing is heard of it any more. */
  protected disconnect(): void {
    this.#attempt?.abort();
    this.#attempt = null;
    const connection = this.connection;
    if (connection === null) return;
    this.connection = null;
    connection.handler = DEAF;
    connection.close('no-flush');
  }

  protected fail(): void {
    if (!this.busy) return;
    this.busy = false;
    this.listener.onNetworkFailure();
  }
}

/** Of a connection that has been given up. */
export const DEAF: ConnectionHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};
