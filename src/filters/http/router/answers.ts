/** Small things the router does to requests and to the answers it gives itself. */
import type { Cluster } from '../../../cluster/api.ts';
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { DirectAction, Route } from '../../../route/route.ts';
import type { HttpStream } from '../../api.ts';

/** A route that answers itself: direct_response or redirect. */
export function answerDirectly(stream: HttpStream, route: Route, direct: DirectAction, suppressEnvoyHeaders: boolean): void {
  const location = direct.location(stream.requestHeaders);
  direct.rewritePath(stream.requestHeaders, suppressEnvoyHeaders);
  stream.localReply(direct.status, direct.body, 0, 'direct_response', (headers) => {
    if (location !== null) headers.add('location', location);
    route.finalizeResponseHeaders(headers, stream.info);
  });
}

/** Under which name the log and statistics show a cluster. */
export function observabilityName(cluster: Cluster): string {
  return cluster.settings.altStatName === '' ? cluster.name : cluster.settings.altStatName;
}

/** Whether any header steers the proxy: most requests have none, and need no look-up by name. */
export function hasEnvoyHeaders(names: readonly string[]): boolean {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (name.charCodeAt(2) === 0x65 && name.startsWith('x-envoy-')) return true;
  }
  return false;
}

export function isWebSocketUpgrade(headers: RequestHeaders): boolean {
  const upgrade = headers.get('upgrade');
  return upgrade !== undefined && upgrade.toLowerCase() === 'websocket';
}

const FRAMING = ['content-length', 'transfer-encoding', 'connection', 'upgrade'];

/** A WebSocket handshake that was answered like a plain request: its head alone is passed on. */
export function answerRefusedUpgrade(stream: HttpStream, upstream: ResponseHeaders): void {
  stream.localReply(upstream.status, '', 0, 'websocket_handshake_unsuccessful', (headers) => {
    for (let i = 0; i < upstream.size; i++) {
      if (!FRAMING.includes(upstream.names[i]!)) headers.add(upstream.names[i]!, upstream.values[i]!);
    }
  });
}
