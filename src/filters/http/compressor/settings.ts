/** What the compressor filter runs on. Source: envoy.extensions.filters.http.compressor.v3.Compressor, CompressorPerRoute. */
import type { StringMatcherSettings } from '../../../http/string-matcher.ts';
import type { CodingSettings } from '../../content-coding.ts';

export interface CompressorDirection {
  readonly enabled: boolean;
  readonly runtimeKey: string;
  /** Bytes; a body that is known to be smaller is left alone. */
  readonly minContentLength: number;
  /** Empty = all. */
  readonly contentTypes: readonly string[];
  readonly contentTypeMatchers: readonly StringMatcherSettings[];
}

export interface CompressionLibrary {
  /** `<name of the entry>.<gzip|brotli|zstd>` */
  readonly statPrefix: string;
  readonly coding: CodingSettings;
}

export interface CompressorSettings {
  readonly library: CompressionLibrary;
  readonly chooseFirst: boolean;
  /** null = the older fields of the message are used: the statistics have no `request` and `response` of their own. */
  readonly request: CompressorDirection;
  readonly response: CompressorDirection;
  /** response_direction_config is set: the statistics say so. */
  readonly responseStatPrefix: string;
  readonly disableOnEtag: boolean;
  readonly weakenEtag: boolean;
  readonly removeAcceptEncoding: boolean;
  readonly uncompressibleCodes: readonly number[];
  readonly statusHeader: boolean;
}

export interface CompressorRouteSettings {
  readonly disabled: boolean;
  /** null = as the filter has it. */
  readonly removeAcceptEncoding: boolean | null;
  readonly library: CompressionLibrary | null;
}
