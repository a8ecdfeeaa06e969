/** Operators on request, response and trailers. */

import { forwardedCertificateValue } from '../forwarded-certificate.ts';
import { grpcStatusOf } from '../grpc-status.ts';
import { canonicalName, firstValue } from '../header-lookup.ts';
import type { HeaderMap } from '../header-map.ts';
import { queryParameter } from '../query.ts';
import { longFlags, shortFlags } from '../response-flags.ts';
import {
  type FormatContext,
  type FormatEnvironment,
  FormatError,
  numberOperator,
  type OperatorMaker,
  plainNumber,
  plainString,
  REDACTED,
  requireArgs,
  stringOperator,
  textOrNull,
  truncated,
} from './operator.ts';

/** The first value alone, as Envoy's formatter looks headers up. */
function headerValue(headers: HeaderMap | null, name: string): string | undefined {
  return headers === null || name === '' ? undefined : firstValue(headers, name);
}

function isHidden(env: FormatEnvironment, name: string): boolean {
  return env.redacted?.has(name) ?? false;
}

/** NAME(X?Y):Z of the headers that `source` gives. */
function headerOperator(source: (ctx: FormatContext) => HeaderMap | null, edit: ((value: string) => string) | null = null): OperatorMaker {
  return (call, env) => {
    const names = requireArgs(call).split('?').map(canonicalName);
    if (names.length > 2) throw new FormatError(`More than 1 alternative header specified in token: ${call.args}`);
    const main = names[0]!;
    const alternative = names[1] ?? '';
    const [mainHidden, alternativeHidden] = [isHidden(env, main), isHidden(env, alternative)];
    const text = (ctx: FormatContext): string | null => {
      const headers = source(ctx);
      let value = headerValue(headers, main);
      let hidden = mainHidden;
      if (value === undefined) {
        value = headerValue(headers, alternative);
        hidden = alternativeHidden;
      }
      if (value === undefined) return null;
      return hidden ? REDACTED : edit === null ? value : edit(value);
    };
    return stringOperator(truncated(text, call.maxLength));
  };
}

const pathOperator: OperatorMaker = (call) => {
  const [query = '', which = '', ...rest] = (call.args ?? '').split(':');
  if (rest.length > 0) throw new FormatError(`Invalid PATH option: '${call.args}'`);
  if (!['', 'WQ', 'NQ'].includes(query)) throw new FormatError(`Invalid PATH option: '${query}', only 'WQ'/'NQ' are allowed`);
  if (!['', 'ORIG', 'PATH', 'ORIG_OR_PATH'].includes(which)) {
    throw new FormatError(`Invalid PATH option: '${which}', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed`);
  }
  const text = (ctx: FormatContext): string | null => {
    const headers = ctx.requestHeaders;
    if (headers === null) return null;
    let path = which === 'PATH' ? undefined : headers.get('x-envoy-original-path');
    if (path === undefined && which !== 'ORIG') path = textOrNull(headers.path) ?? undefined;
    if (path === undefined) return null;
    const mark = query === 'NQ' ? path.indexOf('?') : -1;
    return mark < 0 ? path : path.slice(0, mark);
  };
  return stringOperator(truncated(text, call.maxLength));
};

const queryParameterOperator: OperatorMaker = (call) => {
  const name = requireArgs(call);
  const text = (ctx: FormatContext): string | null => {
    const value = ctx.requestHeaders === null ? undefined : queryParameter(ctx.requestHeaders.path, name);
    return value === undefined ? null : percentDecoded(value);
  };
  return stringOperator(truncated(text, call.maxLength));
};

const FORWARDED_CERTIFICATE = 'x-forwarded-client-cert';

/** A field of it. */
const forwardedCertificateOperator: OperatorMaker = (call, env) => {
  const hidden = isHidden(env, FORWARDED_CERTIFICATE);
  const key = requireArgs(call).toLowerCase();
  // A length is allowed, and of no effect.
  return stringOperator((ctx) => {
    const header = ctx.requestHeaders?.get(FORWARDED_CERTIFICATE);
    const value = header === undefined ? null : forwardedCertificateValue(header, key);
    return value !== null && hidden ? REDACTED : value;
  });
};

/** The whole query, as it is or decoded. */
const queryParametersOperator: OperatorMaker = (call) => {
  if (call.args !== null && !['', 'ORIG', 'DECODED'].includes(call.args)) {
    throw new FormatError(`Invalid QUERY_PARAMS option: '${call.args}', only 'ORIG'/'DECODED' are allowed`);
  }
  const decoded = call.args === 'DECODED';
  const text = (ctx: FormatContext): string | null => {
    const path = ctx.requestHeaders?.path ?? '';
    const mark = path.indexOf('?');
    if (mark < 0) return null;
    return decoded ? percentDecoded(path.slice(mark + 1)) : path.slice(mark + 1);
  };
  return stringOperator(truncated(text, call.maxLength));
};

function withoutQuery(value: string): string {
  const mark = value.indexOf('?');
  return mark < 0 ? value : value.slice(0, mark);
}

function percentDecoded(text: string): string {
  return text.indexOf('%') < 0
    ? text
    : text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const CAMEL = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;
const SNAKE = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

function grpcStatus(ctx: FormatContext): number | null {
  return grpcStatusOf(ctx.requestHeaders, ctx.responseHeaders, ctx.responseTrailers, ctx.info.responseCode);
}

const grpcStatusOperator: OperatorMaker = (call) => {
  const form = call.args === null || call.args === '' ? 'CAMEL_STRING' : call.args;
  if (form === 'NUMBER') return numberOperator(grpcStatus);
  if (form !== 'CAMEL_STRING' && form !== 'SNAKE_STRING') {
    throw new FormatError(`GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: ${form}`);
  }
  const names: readonly string[] = form === 'CAMEL_STRING' ? CAMEL : SNAKE;
  return stringOperator((ctx) => {
    const status = grpcStatus(ctx);
    return status === null ? null : (names[status] ?? String(status));
  });
};

const responseCodeDetails: OperatorMaker = (call) => {
  const keep = call.args === 'ALLOW_WHITESPACES';
  return stringOperator((ctx) => {
    const details = ctx.info.responseCodeDetails;
    if (details === '') return null;
    return keep || details.indexOf(' ') < 0 ? details : details.replace(/\s/g, '_');
  });
};

export const MESSAGE_OPERATORS: readonly (readonly [string, OperatorMaker])[] = [
  ['REQ', headerOperator((ctx) => ctx.requestHeaders)],
  ['RESP', headerOperator((ctx) => ctx.responseHeaders)],
  ['TRAILER', headerOperator((ctx) => ctx.responseTrailers)],
  ['REQUEST_HEADER', headerOperator((ctx) => ctx.requestHeaders)],
  ['RESPONSE_HEADER', headerOperator((ctx) => ctx.responseHeaders)],
  ['RESPONSE_TRAILER', headerOperator((ctx) => ctx.responseTrailers)],
  ['PATH', pathOperator],
  // Of the extension envoy.formatter.req_without_query.
  ['REQ_WITHOUT_QUERY', headerOperator((ctx) => ctx.requestHeaders, withoutQuery)],
  ['XFCC_VALUE', forwardedCertificateOperator],
  ['QUERY_PARAM', queryParameterOperator],
  ['QUERY_PARAMS', queryParametersOperator],
  ['REQUEST_HEADERS_BYTES', plainNumber((ctx) => ctx.requestHeaders?.byteSize() ?? 0)],
  ['RESPONSE_HEADERS_BYTES', plainNumber((ctx) => ctx.responseHeaders?.byteSize() ?? 0)],
  ['RESPONSE_TRAILERS_BYTES', plainNumber((ctx) => ctx.responseTrailers?.byteSize() ?? 0)],
  ['PROTOCOL', plainString((ctx) => textOrNull(ctx.info.protocol))],
  ['RESPONSE_CODE', plainNumber((ctx) => ctx.info.responseCode)],
  ['RESPONSE_CODE_DETAILS', responseCodeDetails],
  ['RESPONSE_FLAGS', plainString((ctx) => (ctx.info.flags === 0 ? '-' : shortFlags(ctx.info.flags, ctx.info.flagOrder)))],
  ['RESPONSE_FLAGS_LONG', plainString((ctx) => (ctx.info.flags === 0 ? '-' : longFlags(ctx.info.flags, ctx.info.flagOrder)))],
  ['GRPC_STATUS', grpcStatusOperator],
  ['GRPC_STATUS_NUMBER', plainNumber(grpcStatus)],
  ['LOCAL_REPLY_BODY', plainString((ctx) => ctx.localReplyBody)],
  ['BYTES_RECEIVED', plainNumber((ctx) => ctx.info.bytesReceived)],
  ['BYTES_SENT', plainNumber((ctx) => ctx.info.bytesSent)],
  ['STREAM_ID', plainString((ctx) => ctx.requestHeaders?.get('x-request-id') ?? textOrNull(ctx.info.streamId))],
  ['TRACE_ID', plainString((ctx) => textOrNull(ctx.info.traceId))],
  ['SPAN_ID', plainString((ctx) => (ctx.info.trace === null ? null : textOrNull(ctx.info.trace.spanId)))],
  ['UNIQUE_ID', (call, env) => plainString(() => env.random.uuid())(call, env)],
  ['ACCESS_LOG_TYPE', plainString((ctx) => ctx.accessLogType)],
];
