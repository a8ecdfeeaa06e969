/** What the decompressor filter runs on. Source: envoy.extensions.filters.http.decompressor.v3.Decompressor. */
import type { CodingSettings } from '../../content-coding.ts';

export interface DecompressorDirection {
  readonly enabled: boolean;
  readonly runtimeKey: string;
  readonly ignoreNoTransform: boolean;
}

export interface DecompressorSettings {
  readonly libraryName: string;
  /** gzip, brotli or zstd */
  readonly kind: string;
  readonly coding: CodingSettings;
  /** gzip: more output for a byte of input is taken for an attack. */
  readonly maxInflateRatio: number;
  readonly request: DecompressorDirection;
  readonly response: DecompressorDirection;
  readonly advertise: boolean;
}
