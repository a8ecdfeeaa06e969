/** Detects TLS, and what its ClientHello asks for, for filter chains that match server names and application protocols. */
import type { Counter, Histogram, StatsScope } from '../../../stats/scope.ts';
import type { AcceptedConnection, FilterDeps, ListenerFilter, ListenerFilterFactory } from '../../api.ts';
import { ListenerFilterStatus } from '../../api.ts';
import { inspectClientHello, inspectedBytes, Reader } from './client-hello.ts';
import type { TlsInspectorSettings } from './config.ts';
import { fingerprints } from './fingerprints.ts';

class TlsInspectorStats {
  readonly clientHelloTooLarge: Counter;
  readonly tlsFound: Counter;
  readonly tlsNotFound: Counter;
  readonly alpnFound: Counter;
  readonly alpnNotFound: Counter;
  readonly sniFound: Counter;
  readonly sniNotFound: Counter;
  readonly bytesProcessed: Histogram;
  constructor(scope: StatsScope) {
    this.clientHelloTooLarge = scope.counter('tls_inspector.client_hello_too_large');
    this.tlsFound = scope.counter('tls_inspector.tls_found');
    this.tlsNotFound = scope.counter('tls_inspector.tls_not_found');
    this.alpnFound = scope.counter('tls_inspector.alpn_found');
    this.alpnNotFound = scope.counter('tls_inspector.alpn_not_found');
    this.sniFound = scope.counter('tls_inspector.sni_found');
    this.sniNotFound = scope.counter('tls_inspector.sni_not_found');
    this.bytesProcessed = scope.histogram('tls_inspector.bytes_processed');
  }
}

/** Holds nothing of a connection, so one object serves all of them. */
class TlsInspector implements ListenerFilter {
  readonly #settings: TlsInspectorSettings;
  readonly #stats: TlsInspectorStats;

  constructor(settings: TlsInspectorSettings, stats: TlsInspectorStats) {
    this.#settings = settings;
    this.#stats = stats;
  }

  onAccept(): ListenerFilterStatus {
    return ListenerFilterStatus.NeedData;
  }

  onData(accepted: AcceptedConnection, bytes: Buffer): ListenerFilterStatus {
    const hello = inspectClientHello(bytes);
    if (hello === 'more') {
      if (bytes.length < this.#settings.maxClientHelloSize) return ListenerFilterStatus.NeedData;
      this.#stats.clientHelloTooLarge.inc();
      return ListenerFilterStatus.Close;
    }
    this.#stats.bytesProcessed.record(inspectedBytes(bytes));
    if (hello === 'not-tls' || hello === 'malformed') {
      this.#stats.tlsNotFound.inc();
      return hello === 'malformed' && this.#settings.closeOnParseError ? ListenerFilterStatus.Close : ListenerFilterStatus.Done;
    }
    const { info } = accepted;
    this.#stats.tlsFound.inc();
    info.transportProtocol = 'tls';
    if (hello.applicationProtocols.length > 0) {
      info.applicationProtocols = hello.applicationProtocols;
      this.#stats.alpnFound.inc();
    } else this.#stats.alpnNotFound.inc();
    if (hello.serverName !== '') {
      info.requestedServerName = hello.serverName;
      this.#stats.sniFound.inc();
    } else this.#stats.sniNotFound.inc();
    const { ja3, ja4 } = this.#settings;
    if (ja3 || ja4) info.tlsFingerprints = fingerprints(new Reader(hello.message), ja3, ja4);
    return ListenerFilterStatus.Done;
  }
}

export function createTlsInspector(settings: TlsInspectorSettings, deps: FilterDeps): ListenerFilterFactory {
  const filter = new TlsInspector(settings, new TlsInspectorStats(deps.rootScope));
  return { newFilter: () => filter };
}
