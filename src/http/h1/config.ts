/** HTTP/1 codec settings of either side. Source: envoy.config.core.v3.Http1ProtocolOptions. */
import type { CompileContext } from '../../config/context.ts';
import type { Http1ProtocolOptions } from '../../config/gen/envoy/config/core/v3/protocol_pb.js';
import { DEFAULT_HTTP1_SETTINGS, type Http1Settings } from './settings.ts';

const PRESERVE_CASE = 'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig';

/** @param rest what the connection manager or the cluster says elsewhere (limits, underscores, strictness) */
export function compileHttp1Options(
  message: Http1ProtocolOptions | undefined,
  rest: Partial<Http1Settings>,
  at: CompileContext,
): Http1Settings {
  if (message === undefined) return { ...DEFAULT_HTTP1_SETTINGS, ...rest };
  return {
    ...DEFAULT_HTTP1_SETTINGS,
    allowAbsoluteUrl: message.allowAbsoluteUrl ?? true,
    acceptHttp10: message.acceptHttp10,
    defaultHostForHttp10: message.defaultHostForHttp10,
    enableTrailers: message.enableTrailers,
    allowChunkedLength: message.allowChunkedLength,
    headerKeyFormat: headerKeyFormat(message, at),
    sendFullyQualifiedUrl: message.sendFullyQualifiedUrl,
    allowCustomMethods: message.allowCustomMethods,
    ...rest,
  };
}

function headerKeyFormat(message: Http1ProtocolOptions, at: CompileContext): Http1Settings['headerKeyFormat'] {
  const format = message.headerKeyFormat?.headerFormat;
  if (format?.case === 'properCaseWords') return 'proper';
  if (format?.case !== 'statefulFormatter') return 'lower';
  const here = at.field('header_key_format').field('stateful_formatter').field('typed_config');
  const config = here.unpack(format.value.typedConfig);
  if (config !== null && config.$typeName !== PRESERVE_CASE) here.error(`unknown header formatter ${config.$typeName}`);
  return 'preserve';
}
