/** Sends back what comes in. Source: envoy.extensions.filters.network.echo.v3.Echo. */
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';

class EchoFilter implements NetworkFilter {
  readonly #callbacks: NetworkFilterCallbacks;

  constructor(callbacks: NetworkFilterCallbacks) {
    this.#callbacks = callbacks;
  }

  onConnection(): Status {
    return Status.Continue;
  }

  onData(chunk: Buffer, end: boolean): Status {
    const { connection } = this.#callbacks;
    connection.write(chunk);
    if (end) connection.endWrite();
    return Status.Stop;
  }

  onClose(): void {}

  onAboveWriteBufferHighWatermark(): void {
    this.#callbacks.connection.readDisable(true);
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#callbacks.connection.readDisable(false);
  }
}

export function createEcho(): NetworkFilterFactory {
  return { newFilter: (callbacks) => new EchoFilter(callbacks) };
}
