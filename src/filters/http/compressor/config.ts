/** Compressor settings, of the filter and of routes. Source: envoy.extensions.filters.http.compressor.v3.Compressor, CompressorPerRoute. */
import type { CompileContext } from '../../../config/context.ts';
import type { TypedExtensionConfig } from '../../../config/gen/envoy/config/core/v3/extension_pb.js';
import {
  type Brotli,
  Brotli_EncoderMode as EncoderMode,
} from '../../../config/gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.js';
import {
  type Gzip,
  Gzip_CompressionStrategy as GzipStrategy,
} from '../../../config/gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.js';
import type { Zstd } from '../../../config/gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.js';
import type {
  Compressor,
  Compressor_CommonDirectionConfig,
  CompressorPerRoute,
} from '../../../config/gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.js';
import { compileStringMatcher } from '../../../http/config.ts';
import { compileBinaryDataSource } from '../../../http/data-source-config.ts';
import type { CodingSettings } from '../../content-coding.ts';
import type { CompressionLibrary, CompressorDirection, CompressorRouteSettings, CompressorSettings } from './settings.ts';

const DEFAULT_MIN_LENGTH = 30;
const DEFAULT_TYPES = [
  'text/html',
  'text/plain',
  'text/css',
  'application/javascript',
  'application/x-javascript',
  'text/javascript',
  'text/x-javascript',
  'text/ecmascript',
  'text/js',
  'text/jscript',
  'text/x-js',
  'application/ecmascript',
  'application/x-json',
  'application/xml',
  'application/json',
  'image/svg+xml',
  'text/xml',
  'application/xhtml+xml',
];

export function compileCompressor(message: Compressor, at: CompileContext): CompressorSettings {
  const response = message.responseDirectionConfig;
  // The older fields stand in for the response's when those are absent.
  const older = {
    enabled: message.runtimeEnabled,
    minContentLength: message.contentLength,
    contentType: message.contentType,
    contentTypeMatcher: [],
  };
  const responseAt = at.field('response_direction_config').field('common_config');
  return {
    library: compileLibrary(message.compressorLibrary, at.field('compressor_library')),
    chooseFirst: message.chooseFirst,
    request: compileDirection(
      message.requestDirectionConfig?.commonConfig,
      message.requestDirectionConfig !== undefined,
      false,
      at.field('request_direction_config').field('common_config'),
    ),
    response: compileDirection(response === undefined ? older : response.commonConfig, true, true, responseAt),
    responseStatPrefix: response === undefined ? '' : 'response',
    disableOnEtag: response === undefined ? message.disableOnEtagHeader : response.disableOnEtagHeader,
    weakenEtag: response?.weakenEtagOnCompress ?? false,
    removeAcceptEncoding: response === undefined ? message.removeAcceptEncodingHeader : response.removeAcceptEncodingHeader,
    uncompressibleCodes: response?.uncompressibleResponseCodes ?? [],
    statusHeader: response?.statusHeaderEnabled ?? false,
  };
}

export function compileCompressorOfRoute(message: CompressorPerRoute, at: CompileContext): CompressorRouteSettings {
  const overrides = message.override.case === 'overrides' ? message.override.value : null;
  const library = overrides?.compressorLibrary;
  return {
    disabled: message.override.case === 'disabled',
    removeAcceptEncoding: overrides?.responseDirectionConfig?.removeAcceptEncodingHeader ?? null,
    library: library === undefined ? null : compileLibrary(library, at.field('overrides').field('compressor_library')),
  };
}

type Direction = Pick<Compressor_CommonDirectionConfig, 'enabled' | 'minContentLength' | 'contentType' | 'contentTypeMatcher'>;

function compileDirection(message: Direction | undefined, given: boolean, on: boolean, at: CompileContext): CompressorDirection {
  const types = message?.contentType ?? [];
  const matchers = (message?.contentTypeMatcher ?? []).map((matcher, i) =>
    compileStringMatcher(matcher, at.field('content_type_matcher', i)),
  );
  return {
    enabled: given && (message?.enabled?.defaultValue ?? on),
    runtimeKey: message?.enabled?.runtimeKey ?? '',
    minContentLength:
      message?.minContentLength === undefined || message.minContentLength === 0 ? DEFAULT_MIN_LENGTH : message.minContentLength,
    contentTypes: types.length > 0 || matchers.length > 0 ? types : DEFAULT_TYPES,
    contentTypeMatchers: matchers,
  };
}

const NOWHERE: CompressionLibrary = {
  statPrefix: '',
  coding: { encoding: 'gzip', level: 6, windowBits: 15, memoryLevel: 8, strategy: 0, chunkSize: 4096, parameters: {}, dictionary: null },
};

const PREFIX = 'envoy.extensions.compression.';

function compileLibrary(library: TypedExtensionConfig | undefined, at: CompileContext): CompressionLibrary {
  const message = at.field('typed_config').unpack(library?.typedConfig);
  const name = library?.name ?? '';
  switch (message?.$typeName) {
    case `${PREFIX}gzip.compressor.v3.Gzip`:
      return { statPrefix: `${name}.gzip`, coding: gzip(message as Gzip) };
    case `${PREFIX}brotli.compressor.v3.Brotli`:
      return { statPrefix: `${name}.brotli`, coding: brotli(message as Brotli) };
    case `${PREFIX}zstd.compressor.v3.Zstd`:
      return { statPrefix: `${name}.zstd`, coding: zstd(message as Zstd, at.field('typed_config')) };
    default:
      if (message !== null) at.field('typed_config').notImplemented(`compressor ${message.$typeName} is not supported by Outrider`);
      return NOWHERE;
  }
}

const DEFAULT_CHUNK = 4096;

/** Z_HUFFMAN_ONLY and so on, by the names of the message. */
const GZIP_STRATEGIES: Readonly<Record<number, number>> = {
  [GzipStrategy.DEFAULT_STRATEGY]: 0,
  [GzipStrategy.FILTERED]: 1,
  [GzipStrategy.HUFFMAN_ONLY]: 2,
  [GzipStrategy.RLE]: 3,
  [GzipStrategy.FIXED]: 4,
};

function gzip(message: Gzip): CodingSettings {
  return {
    encoding: 'gzip',
    // 0 is zlib's own default.
    level: message.compressionLevel === 0 ? -1 : message.compressionLevel,
    windowBits: message.windowBits ?? 12,
    memoryLevel: message.memoryLevel ?? 5,
    strategy: GZIP_STRATEGIES[message.compressionStrategy] ?? 0,
    chunkSize: message.chunkSize ?? DEFAULT_CHUNK,
    parameters: {},
    dictionary: null,
  };
}

// BrotliEncoderParameter and ZSTD_cParameter.
const BROTLI = { mode: 0, quality: 1, windowBits: 2, inputBlockBits: 3, noLiteralContext: 4 } as const;
const ZSTD = { level: 100, strategy: 107, checksum: 201 } as const;

function brotli(message: Brotli): CodingSettings {
  const mode = message.encoderMode === EncoderMode.TEXT ? 1 : message.encoderMode === EncoderMode.FONT ? 2 : 0;
  return {
    ...plain('br', message.chunkSize),
    parameters: {
      [BROTLI.mode]: mode,
      [BROTLI.quality]: message.quality ?? 3,
      [BROTLI.windowBits]: message.windowBits ?? 18,
      [BROTLI.inputBlockBits]: message.inputBlockBits ?? 24,
      [BROTLI.noLiteralContext]: message.disableLiteralContextModeling ? 1 : 0,
    },
  };
}

function zstd(message: Zstd, at: CompileContext): CodingSettings {
  const dictionary = message.dictionary === undefined ? null : compileBinaryDataSource(message.dictionary, at.field('dictionary'));
  return {
    ...plain('zstd', message.chunkSize),
    parameters: {
      [ZSTD.level]: message.compressionLevel ?? 3,
      [ZSTD.strategy]: message.strategy,
      [ZSTD.checksum]: message.enableChecksum ? 1 : 0,
    },
    dictionary,
  };
}

function plain(encoding: 'br' | 'zstd', chunkSize: number | undefined): CodingSettings {
  return {
    encoding,
    level: 0,
    windowBits: 0,
    memoryLevel: 0,
    strategy: 0,
    chunkSize: chunkSize ?? DEFAULT_CHUNK,
    parameters: {},
    dictionary: null,
  };
}
