/** Where statistics go beside the admin interface: plain data. Source: bootstrap `stats_sinks`. */
import type { StatsdTags } from './statsd-lines.ts';

/** A service behind a cluster, called by HTTP or gRPC. */
export interface SinkService {
  readonly cluster: string;
  readonly path: string;
  readonly authority: string;
  /** Beside the pseudo headers, content-type among them. */
  readonly headers: readonly (readonly [string, string])[];
  /** 0 = none. */
  readonly timeoutMs: number;
}

export interface UdpStatsdSettings {
  readonly kind: 'udp-statsd';
  readonly ip: string;
  readonly port: number;
  readonly prefix: string;
  readonly tags: StatsdTags;
  /** Several lines share a datagram of up to this; 0 = one line each. */
  readonly maxDatagramBytes: number;
}

export interface TcpStatsdSettings {
  readonly kind: 'tcp-statsd';
  readonly cluster: string;
  readonly prefix: string;
}

export interface OtlpMetricsSettings {
  readonly kind: 'otlp';
  readonly service: SinkService;
  /** With its dot; ''. */
  readonly prefix: string;
  readonly countersAsDeltas: boolean;
  readonly histogramsAsDeltas: boolean;
  readonly tagsAsAttributes: boolean;
  readonly tagExtractedNames: boolean;
  /** 0 = no limit. */
  readonly maxDataPoints: number;
  /** Found by resource detectors. */
  readonly resource: readonly (readonly [string, string])[];
}

export interface MetricsServiceSettings {
  readonly kind: 'metrics-service';
  readonly service: SinkService;
  readonly countersAsDeltas: boolean;
  readonly tagsAsLabels: boolean;
  readonly histogramMode: 'both' | 'summary' | 'histogram';
  /** Metric families a message; 0 = all. */
  readonly batchSize: number;
}

export type SinkSettings = UdpStatsdSettings | TcpStatsdSettings | OtlpMetricsSettings | MetricsServiceSettings;

/** Such sinks are sent each value of histograms. */
export function wantsValues({ kind }: SinkSettings): boolean {
  return kind === 'udp-statsd' || kind === 'tcp-statsd';
}
