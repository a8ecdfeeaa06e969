/** What `upstream_log` tells of one try. It has facts of its own: protocol, bytes, flags and status are those of the upstream side. */
import type { ConnectionTimes } from '../../../cluster/api.ts';
import type { RequestEncoder } from '../../../http/codec.ts';
import type { HeaderMap, ResponseHeaders } from '../../../http/header-map.ts';
import { StreamInfo } from '../../../http/stream-info.ts';
import type { Host } from '../../../lb/host.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { TerminalHttpStream } from '../../api.ts';
import type { RouterFilterFactory } from './router-filter-factory.ts';
import { recordReady } from './upstream-timing.ts';

export class UpstreamLog implements TimerTarget {
  readonly info: StreamInfo;
  readonly #stream: TerminalHttpStream;
  readonly #factory: RouterFilterFactory;
  readonly #timer: Timer;

  constructor(factory: RouterFilterFactory, stream: TerminalHttpStream, picked: Host) {
    const { clock, info: main } = stream;
    const info = new StreamInfo(main.connection, clock.nowMs(), clock.wallMs(), main.randomValue);
    info.requestHeaders = stream.requestHeaders;
    info.remoteAddress = main.remoteAddress;
    info.routeName = main.routeName;
    info.virtualHostName = main.virtualHostName;
    info.routeMetadata = main.routeMetadata;
    info.upstreamCluster = main.upstreamCluster;
    info.upstreamClusterObservabilityName = main.upstreamClusterObservabilityName;
    info.clusterMetadata = main.clusterMetadata;
    info.isHealthCheck = main.isHealthCheck;
    info.traced = main.traced;
    info.upstreamHost = picked;
    this.info = info;
    this.#stream = stream;
    this.#factory = factory;
    this.#timer = new Timer(this, 0);
    this.#armTimer();
  }

  onReady(encoder: RequestEncoder, host: Host, opened: ConnectionTimes | null): void {
    const { info } = this;
    recordReady(info, host, encoder, opened, this.#stream.clock.nowMs());
    info.protocol = encoder.protocol;
    if (this.#factory.settings.logUpstreamReady) this.#write('UpstreamPoolReady');
  }

  onHeaders(headers: ResponseHeaders): void {
    this.info.responseCode = headers.status;
    // As they came: what the client gets of them is another matter.
    this.info.responseHeaders = headers.clone();
  }

  onTrailers(trailers: HeaderMap): void {
    this.info.responseTrailers = trailers;
  }

  onEnd(): void {
    this.#stream.clock.disarm(this.#timer);
    this.info.endMs = this.#stream.clock.nowMs();
    this.#write('UpstreamEnd');
  }

  onTimer(): void {
    this.#write('UpstreamPeriodic');
    this.#armTimer();
  }

  #armTimer(): void {
    const interval = this.#factory.settings.upstreamLogIntervalMs;
    if (interval > 0) this.#stream.clock.arm(this.#timer, interval);
  }

  #write(type: string): void {
    for (const logger of this.#factory.upstreamLoggers) logger.log(this.info, type);
  }
}
