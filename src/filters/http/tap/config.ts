/** Taps from their messages. Source: envoy.extensions.filters.http.tap.v3.Tap, envoy.extensions.common.tap.v3, envoy.config.tap.v3. */
import type { CompileContext } from '../../../config/context.ts';
import type { MatchPredicate } from '../../../config/gen/envoy/config/common/matcher/v3/matcher_pb.js';
import { OutputSink_Format as Format, type TapConfig } from '../../../config/gen/envoy/config/tap/v3/common_pb.js';
import type { Tap } from '../../../config/gen/envoy/extensions/filters/http/tap/v3/tap_pb.js';
import { compileHeaderMatchers, compileRuntimeFraction, durationMs } from '../../../http/config.ts';
import type { TapFilterSettings, TapFormat, TapMatchSettings, TapSettings } from './settings.ts';

const DEFAULT_MAX_BYTES = 1024;
const NEVER: TapMatchSettings = { kind: 'or', rules: [] };

export function compileTapFilter(message: Tap, at: CompileContext): TapFilterSettings {
  const here = at.field('common_config');
  const type = message.commonConfig?.configType;
  switch (type?.case) {
    case 'adminConfig':
      return { tap: null, configId: type.value.configId };
    case 'staticConfig': {
      const tap = compileTap(type.value, here.field('static_config'));
      if (tap?.sink.kind === 'admin') here.field('static_config').error('admin sinks are for taps that are asked for through /tap');
      return { tap, configId: '' };
    }
    default:
      here.error('one of admin_config and static_config is required');
      return { tap: null, configId: '' };
  }
}

/** null if it was refused, and reported. */
export function compileTap(message: TapConfig, at: CompileContext): TapSettings | null {
  const output = message.outputConfig;
  const here = at.field('output_config');
  const sink = output?.sinks[0];
  const there = here.field('sinks', 0);
  let target: TapSettings['sink'];
  switch (sink?.outputSinkType.case) {
    case 'filePerTap':
      target = { kind: 'file', pathPrefix: sink.outputSinkType.value.pathPrefix };
      break;
    case 'streamingAdmin':
      target = { kind: 'admin', maxTraces: 0, timeoutMs: 0 };
      break;
    case 'bufferedAdmin': {
      const { maxTraces, timeout } = sink.outputSinkType.value;
      target = { kind: 'admin', maxTraces: Number(maxTraces), timeoutMs: durationMs(timeout) ?? 0 };
      break;
    }
    case undefined:
      here.error('a sink is required');
      return null;
    default:
      there.notImplemented('only file_per_tap, streaming_admin and buffered_admin are supported by Outrider yet');
      return null;
  }
  const format = formatOf(sink.format);
  if (format === null) {
    there.field('format').notImplemented('PROTO_TEXT is not supported by Outrider yet');
    return null;
  }
  const match = message.match ?? message.matchConfig;
  if (match === undefined) at.error('Neither match nor match_config is set in TapConfig: a match is required');
  return {
    match:
      match === undefined ? NEVER : compileMatch(match as MatchPredicate, at.field(message.match === undefined ? 'match_config' : 'match')),
    streaming: output?.streaming ?? false,
    maxRequestBytes: output?.maxBufferedRxBytes ?? DEFAULT_MAX_BYTES,
    maxResponseBytes: output?.maxBufferedTxBytes ?? DEFAULT_MAX_BYTES,
    format,
    sink: target,
    enabled: message.tapEnabled === undefined ? null : compileRuntimeFraction(message.tapEnabled),
  };
}

function formatOf(format: Format): TapFormat | null {
  switch (format) {
    case Format.JSON_BODY_AS_BYTES:
      return 'json_bytes';
    case Format.JSON_BODY_AS_STRING:
      return 'json_string';
    case Format.PROTO_BINARY:
      return 'binary';
    case Format.PROTO_BINARY_LENGTH_DELIMITED:
      return 'length_delimited';
    default:
      return null;
  }
}

function compileMatch({ rule }: MatchPredicate, at: CompileContext): TapMatchSettings {
  switch (rule.case) {
    case 'orMatch':
    case 'andMatch': {
      const here = at.field(rule.case === 'orMatch' ? 'or_match' : 'and_match');
      const rules = rule.value.rules.map((one, i) => compileMatch(one, here.field('rules', i)));
      return { kind: rule.case === 'orMatch' ? 'or' : 'and', rules };
    }
    case 'notMatch':
      return { kind: 'not', rule: compileMatch(rule.value, at.field('not_match')) };
    case 'anyMatch':
      return { kind: 'any' };
    case 'httpRequestHeadersMatch':
      return headersOf('request_headers', rule.value.headers, at.field('http_request_headers_match'));
    case 'httpRequestTrailersMatch':
      return headersOf('request_trailers', rule.value.headers, at.field('http_request_trailers_match'));
    case 'httpResponseHeadersMatch':
      return headersOf('response_headers', rule.value.headers, at.field('http_response_headers_match'));
    case 'httpResponseTrailersMatch':
      return headersOf('response_trailers', rule.value.headers, at.field('http_response_trailers_match'));
    case 'httpRequestGenericBodyMatch':
    case 'httpResponseGenericBodyMatch': {
      const patterns = rule.value.patterns.map((one) =>
        one.rule.case === 'binaryMatch' ? Uint8Array.from(one.rule.value) : new TextEncoder().encode(one.rule.value ?? ''),
      );
      return {
        kind: 'body',
        of: rule.case === 'httpRequestGenericBodyMatch' ? 'request' : 'response',
        patterns,
        limit: rule.value.bytesLimit,
      };
    }
    default:
      at.error('a rule is required');
      return NEVER;
  }
}

function headersOf(
  of: (TapMatchSettings & { kind: 'headers' })['of'],
  headers: Parameters<typeof compileHeaderMatchers>[0],
  at: CompileContext,
): TapMatchSettings {
  return { kind: 'headers', of, headers: compileHeaderMatchers(headers, at, 'headers') };
}
