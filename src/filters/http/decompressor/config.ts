/** Decompressor settings. Source: envoy.extensions.filters.http.decompressor.v3.Decompressor. */
import type { CompileContext } from '../../../config/context.ts';
import type { Brotli } from '../../../config/gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.js';
import type { Gzip } from '../../../config/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.js';
import type { Zstd } from '../../../config/gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.js';
import type {
  Decompressor,
  Decompressor_CommonDirectionConfig,
} from '../../../config/gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.js';
import { compileBinaryDataSource } from '../../../http/data-source-config.ts';
import type { CodingSettings } from '../../content-coding.ts';
import type { DecompressorDirection, DecompressorSettings } from './settings.ts';

export function compileDecompressor(message: Decompressor, at: CompileContext): DecompressorSettings {
  const libraryAt = at.field('decompressor_library').field('typed_config');
  const library = libraryAt.unpack(message.decompressorLibrary?.typedConfig);
  const base = {
    libraryName: message.decompressorLibrary?.name ?? '',
    maxInflateRatio: 0,
    request: direction(message.requestDirectionConfig?.commonConfig),
    response: direction(message.responseDirectionConfig?.commonConfig),
    advertise: message.requestDirectionConfig?.advertiseAcceptEncoding ?? true,
  };
  switch (library?.$typeName) {
    case 'envoy.extensions.compression.gzip.decompressor.v3.Gzip': {
      const gzip = library as Gzip;
      const coding = coder('gzip', gzip.chunkSize, gzip.windowBits ?? 15);
      return { ...base, kind: 'gzip', coding, maxInflateRatio: gzip.maxInflateRatio ?? 100 };
    }
    case 'envoy.extensions.compression.brotli.decompressor.v3.Brotli':
      return { ...base, kind: 'brotli', coding: coder('br', (library as Brotli).chunkSize) };
    case 'envoy.extensions.compression.zstd.decompressor.v3.Zstd':
      return { ...base, kind: 'zstd', coding: zstd(library as Zstd, libraryAt) };
    default:
      if (library !== null) libraryAt.notImplemented(`decompressor ${library.$typeName} is not supported by Outrider`);
      return { ...base, kind: '', coding: coder('gzip', undefined, 15) };
  }
}

function direction(message: Decompressor_CommonDirectionConfig | undefined): DecompressorDirection {
  return {
    enabled: message?.enabled?.defaultValue ?? true,
    runtimeKey: message?.enabled?.runtimeKey ?? '',
    ignoreNoTransform: message?.ignoreNoTransformHeader ?? false,
  };
}

function zstd(message: Zstd, at: CompileContext): CodingSettings {
  const [first, second] = message.dictionaries;
  if (second !== undefined) at.unsupported('dictionaries', 'more than one dictionary is not supported by Outrider');
  const dictionary = first === undefined ? null : compileBinaryDataSource(first, at.field('dictionaries', 0));
  return { ...coder('zstd', message.chunkSize), dictionary };
}

function coder(encoding: CodingSettings['encoding'], chunkSize: number | undefined, windowBits = 0): CodingSettings {
  return { encoding, level: 0, windowBits, memoryLevel: 8, strategy: 0, chunkSize: chunkSize ?? 4096, parameters: {}, dictionary: null };
}
