/** Answers every connection with the same bytes and closes it. Source: envoy.extensions.filters.network.direct_response.v3.Config. */
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';
import type { DirectResponseSettings } from './config.ts';

class DirectResponseFilter implements NetworkFilter {
  readonly #callbacks: NetworkFilterCallbacks;
  readonly #response: string;

  constructor(callbacks: NetworkFilterCallbacks, response: string) {
    this.#callbacks = callbacks;
    this.#response = response;
  }

  onConnection(): Status {
    const { connection, streamInfo } = this.#callbacks;
    if (this.#response !== '') connection.writeText(this.#response);
    streamInfo.bytesSent += this.#response.length;
    streamInfo.responseCodeDetails = 'direct_response';
    this.#callbacks.close('flush', '');
    return Status.Stop;
  }

  onData(): Status {
    return Status.Stop;
  }

  onClose(): void {}
}

export function createDirectResponse(settings: DirectResponseSettings): NetworkFilterFactory {
  return { newFilter: (callbacks) => new DirectResponseFilter(callbacks, settings.response) };
}
