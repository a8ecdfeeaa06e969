/** What local_reply_config makes of the answers that the proxy gives itself: mappers first, then the body format. */
import { type AccessLogFilter, buildAccessLogFilter } from '../../../access-log/filter.ts';
import type { AccessLogFilterSettings, LogFormatSettings } from '../../../access-log/settings.ts';
import { compileFormat } from '../../../http/format/formatter.ts';
import { compileJsonFormat } from '../../../http/format/json-format.ts';
import { FormatContext, type FormatEnvironment } from '../../../http/format/operator.ts';
import { httpToGrpcStatus, isGrpcContentType, percentEncodeGrpcMessage } from '../../../http/grpc-status.ts';
import { type RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import { buildHeaderMutation, type HeaderMutation } from '../../../route/headers/header-mutation.ts';
import type { HeaderMutationSettings } from '../../../route/settings.ts';
import type { Random } from '../../../runtime/random.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';

export interface LocalReplySettings {
  readonly mappers: readonly LocalReplyMapperSettings[];
  readonly bodyFormat: LogFormatSettings | null;
}

export interface LocalReplyMapperSettings {
  readonly filter: AccessLogFilterSettings | null;
  /** 0 = left as it is. */
  readonly status: number;
  /** null = left as it is. UTF-8. */
  readonly body: string | null;
  readonly bodyFormat: LogFormatSettings | null;
  readonly headers: HeaderMutationSettings;
}

interface Mapper {
  readonly filter: AccessLogFilter | null;
  readonly status: number;
  readonly body: string | null;
  readonly format: BodyFormat | null;
  readonly headers: HeaderMutation | null;
}

interface BodyFormat {
  readonly contentType: string;
  write(context: FormatContext): string;
}

export interface LocalReplyResult {
  body: string;
  contentType: string;
}

export class LocalReplies {
  readonly #mappers: readonly Mapper[];
  readonly #format: BodyFormat | null;

  constructor(
    settings: LocalReplySettings,
    deps: { readonly runtime: RuntimeSnapshot; readonly random: Random; readonly format: FormatEnvironment },
  ) {
    this.#mappers = settings.mappers.map((mapper) => ({
      filter: mapper.filter === null ? null : buildAccessLogFilter(mapper.filter, deps),
      status: mapper.status,
      body: mapper.body === null ? null : Buffer.from(mapper.body, 'utf8').toString('latin1'),
      format: mapper.bodyFormat === null ? null : bodyFormat(mapper.bodyFormat, deps.format),
      headers: buildHeaderMutation(mapper.headers, deps.format),
    }));
    this.#format = settings.bodyFormat === null ? null : bodyFormat(settings.bodyFormat, deps.format);
  }

  /** Changes `headers.status`, adds the mapper's headers, and gives the body. The first mapper whose filter matches is the only one. */
  rewrite(info: StreamInfo, headers: ResponseHeaders, body: string): LocalReplyResult {
    info.responseCode = headers.status;
    info.responseHeaders = headers;
    const context = new FormatContext(info).use(info);
    let text = body;
    let format = this.#format;
    for (const mapper of this.#mappers) {
      if (mapper.filter !== null && !mapper.filter(info, 'NotSet')) continue;
      if (mapper.status !== 0) {
        headers.status = mapper.status;
        info.responseCode = mapper.status;
      }
      if (mapper.body !== null) text = mapper.body;
      mapper.headers?.apply(headers, context);
      if (mapper.format !== null) format = mapper.format;
      break;
    }
    if (format === null) return { body: text, contentType: 'text/plain' };
    context.localReplyBody = text;
    return { body: format.write(context), contentType: format.contentType };
  }
}

function bodyFormat(settings: LogFormatSettings, env: FormatEnvironment): BodyFormat {
  if (settings.kind === 'json') {
    const formatter = compileJsonFormat(settings.object, env, settings.omitEmptyValues);
    return { contentType: settings.contentType || 'application/json', write: (context) => formatter.format(context) + '\n' };
  }
  const formatter = compileFormat(settings.text, env, settings.omitEmptyValues ? '' : '-');
  return { contentType: settings.contentType || 'text/plain', write: (context) => formatter.format(context) };
}

/**
 * An answer of the proxy itself. gRPC callers get it as a trailers-only response (HTTP 200).
 * @param edit adds the headers that come before the framing ones @param grpcStatus -1 = what the HTTP status stands for
 */
export function composeLocalReply(
  info: StreamInfo,
  request: RequestHeaders | null,
  replies: LocalReplies | null,
  status: number,
  body: string,
  edit: ((headers: ResponseHeaders) => void) | null,
  grpcStatus: number,
): { readonly headers: ResponseHeaders; readonly body: string } {
  const headers = new ResponseHeaders(status);
  if (edit !== null) edit(headers);
  let text = body;
  let contentType = 'text/plain';
  if (replies !== null) {
    const rewritten = replies.rewrite(info, headers, text);
    text = rewritten.body;
    contentType = rewritten.contentType;
  }
  if (request !== null && !info.translatesGrpc && isGrpcContentType(request.get('content-type'))) {
    headers.set('content-type', 'application/grpc');
    headers.set('grpc-status', String(grpcStatus >= 0 ? grpcStatus : httpToGrpcStatus(headers.status)));
    if (text !== '') headers.set('grpc-message', percentEncodeGrpcMessage(text));
    headers.status = 200;
    text = '';
  } else if (text !== '') {
    headers.set('content-length', String(text.length));
    if (!headers.has('content-type')) headers.add('content-type', contentType);
  }
  info.localReplyBody = text;
  // Filters of the response read it before the codec has it.
  info.responseCode = headers.status;
  return { headers, body: text };
}
