/** Requests that are refused because the proxy itself is short of something. Source: ConnectionManagerImpl, ServerConnectionImpl (HTTP/1). */
import type { ResponseHeaders } from '../../../http/header-map.ts';
import { Flag } from '../../../http/response-flags.ts';
import { Overload } from '../../../runtime/overload.ts';
import type { HttpStream } from './http-stream.ts';

/** HTTP/1: refused before anything of the request is looked at, as if the codec had. True if it has been answered. */
export function abortsDispatch(stream: HttpStream): boolean {
  const { overload, stats } = stream.manager;
  if (!stream.encoder.protocol.startsWith('HTTP/1') || !overload.shed(Overload.Http1Dispatch)) return false;
  stats.rqOverloadClose.inc();
  stream.closeAfter = true;
  stream.localReply(500, 'Internal Server Error', Flag.DPE, 'overload');
  return true;
}

/** True if the request has been answered. Both are called only while something is active. */
export function shed(stream: HttpStream): boolean {
  const { overload, stats, settings } = stream.manager;
  if (!overload.shed(Overload.DecodeHeaders) && !overload.active(Overload.StopRequests)) return false;
  stats.rqOverloadClose.inc();
  stream.localReply(503, 'envoy overloaded', 0, 'overload', settings.appendLocalOverload ? addLocalOverloaded : null);
  return true;
}

function addLocalOverloaded(headers: ResponseHeaders): void {
  headers.add('x-envoy-local-overloaded', 'true');
}
