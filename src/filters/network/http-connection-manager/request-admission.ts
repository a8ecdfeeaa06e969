/** What a request must pass before it is routed: validation, normalisation, header edits. Answers itself what is refused. Source: headers_tracing §4.1–4.4. */

import { isGrpcContentType } from '../../../http/grpc-status.ts';
import { type RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { RouteTable } from '../../../route/route.ts';
import { hasToken, isUpgrade } from './connection-headers.ts';
import { normalizeHost } from './host-normalization.ts';
import type { HttpStream } from './http-stream.ts';
import { normalizePath, PathVerdict } from './path-normalization.ts';
import { shed } from './request-shedding.ts';

const NO_HEADERS: readonly string[] = [];

/** True if the request may go on; otherwise it has been answered. */
export function admit(stream: HttpStream, headers: RequestHeaders, table: RouteTable | null): boolean {
  const manager = stream.manager;
  const settings = manager.settings;
  const isConnect = headers.method === 'CONNECT';
  if (manager.overload.any && shed(stream)) return false;

  const tokens = headers.joined('connection');
  const upgrades = tokens !== undefined && isUpgrade(headers);
  if (stream.encoder.protocol === 'HTTP/1.0') stream.closeAfter = tokens === undefined || !hasToken(tokens, 'keep-alive');
  else if (tokens !== undefined && hasToken(tokens, 'close')) stream.closeAfter = true;
  if (stream.closeAfter) stream.connection.clientCloses = true;

  const expect = headers.get('expect');
  if (expect !== undefined && !settings.proxy100Continue && expect.toLowerCase() === '100-continue') {
    stream.sendInterim(new ResponseHeaders(100));
    headers.remove('expect');
  }

  if (headers.authority === '' && !headers.emptyHost) return refuse(stream, 400, '', 'missing_host_header');

  if (headers.method === 'QUERY' && !headers.has('content-type')) return refuse(stream, 400, '', 'query_missing_content_type');

  if (!isConnect) {
    if (headers.path === '') return refuse(stream, 404, '', 'missing_path_rejected');
    if (headers.path.charCodeAt(0) !== 0x2f) {
      manager.stats.rqNonRelativePath.inc();
      return refuse(stream, 404, '', 'absolute_path_rejected');
    }
    if (headers.path.indexOf('#') >= 0) {
      manager.stats.rqFailedPathNormalization.inc();
      return refuse(stream, 400, '', 'path_normalization_failed');
    }
    if (!manager.leavesPathAlone && !normalize(stream, headers)) return false;
  }
  if (!manager.leavesHostAlone)
    headers.authority = normalizeHost(headers.authority, settings, stream.info.connection.localAddress.port, isConnect);

  const result = manager.requestMutation.mutate(
    headers,
    stream.info,
    upgrades,
    stream.info.connection.tls !== null,
    table === null ? NO_HEADERS : table.internalOnlyHeaders,
  );
  if (result.rejectStatus !== 0) {
    manager.stats.rqRejectedViaIpDetection.inc();
    return refuse(stream, result.rejectStatus, '', 'rejecting_because_detection_failed');
  }
  return true;
}

function normalize(stream: HttpStream, headers: RequestHeaders): boolean {
  const manager = stream.manager;
  const result = normalizePath(headers.path, manager.settings);
  headers.path = result.path;
  if (result.verdict === PathVerdict.Ok) return true;
  if (result.verdict === PathVerdict.Redirect && !isGrpcContentType(headers.get('content-type'))) {
    manager.stats.rqRedirectedWithNormalizedPath.inc();
    stream.localReply(307, '', 0, 'path_normalization_failed', (answer) => answer.add('location', result.path));
    return false;
  }
  manager.stats.rqFailedPathNormalization.inc();
  return refuse(stream, 400, '', 'path_normalization_failed');
}

function refuse(stream: HttpStream, status: number, body: string, details: string): boolean {
  stream.localReply(status, body, 0, details);
  return false;
}
