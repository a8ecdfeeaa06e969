/** TCP check: that a connection can be made, or that what is sent is answered as expected. Source: TcpHealthCheckerImpl. */
import { type Connection, keepChunk } from '../../net/connection.ts';
import type { CheckConnector } from './check-connector.ts';
import type { CheckedHost } from './checked-host.ts';
import { containsBlocks, parseBlocks } from './payload.ts';
import type { ProbeListener } from './probe.ts';
import type { TcpCheckSettings } from './settings.ts';
import { SocketProbe } from './socket-probe.ts';

export class TcpProbe extends SocketProbe {
  readonly #send: Buffer;
  readonly #receive: readonly Buffer[];
  readonly #reuse: boolean;
  #received: Buffer[] = [];

  constructor(host: CheckedHost, listener: ProbeListener, connector: CheckConnector, settings: TcpCheckSettings, reuse: boolean) {
    super(host, listener, connector);
    this.#send = Buffer.from(settings.send, 'hex');
    this.#receive = parseBlocks(settings.receive);
    this.#reuse = reuse;
  }

  onData(chunk: Buffer): void {
    if (this.#receive.length === 0) return;
    this.#received.push(keepChunk(chunk));
    const bytes = this.#received.length === 1 ? this.#received[0]! : Buffer.concat(this.#received);
    this.#received = [bytes];
    if (!containsBlocks(bytes, this.#receive)) return;
    this.#received = [];
    if (!this.busy) return;
    this.busy = false;
    if (!this.#reuse) this.disconnect();
    this.listener.onPassed(false);
  }

  protected override opened(): void {
    this.#received = [];
  }

  protected send(connection: Connection): void {
    if (this.#receive.length === 0) {
      // Only that the connection can be made: nothing is sent, as in Envoy.
      this.busy = false;
      this.disconnect();
      this.listener.onPassed(false);
      return;
    }
    if (this.#send.length > 0) connection.write(this.#send);
  }
}
