/** Makes a note of a connection that tcp_proxy carried: in the form of a request's, so that one list shows both. */
import { Flag, shortFlags } from '../../http/response-flags.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { NotedRequest } from './facts.ts';
import { clusterFacts, HOSTS_MATTER, type NoteDeps, tenths } from './note.ts';

/** Where requests have their protocol: what tells a connection from them. */
export const CONNECTION = 'TCP';

/** @param cluster that it was for, there or not */
export function noteConnection(info: StreamInfo, cluster: string, why: 'failed' | 'slow', deps: NoteDeps): NotedRequest {
  const { connection } = info;
  const flags = shortFlags(info.flags, info.flagOrder);
  const found = cluster === '' ? null : deps.clusters.get(cluster);
  const connected = info.poolReadyMs >= info.startMs;
  return {
    ...{ wallMs: Math.round(info.startWallMs), why, durationMs: tenths(info.endMs - info.startMs) },
    phases: { requestMs: null, connectMs: connected ? tenths(info.poolReadyMs - info.startMs) : null, firstByteMs: null, responseMs: null },
    listener: connection.listenerName,
    ...{ routeConfiguration: '', virtualHost: '', route: '', cluster, host: info.upstreamHost?.address.text ?? '' },
    protocol: CONNECTION,
    method: '',
    // Whom the client wanted to reach.
    authority: connection.requestedServerName === '' ? connection.localAddress.text : connection.requestedServerName,
    ...{ path: '', code: 0, grpcStatus: null, flags: flags === '' ? [] : flags.split(','), details: '' },
    ...{ attempts: info.attemptCount, requestId: '', traceId: '' },
    facts: {
      cluster: found === null ? null : clusterFacts(found, null, (info.flags & HOSTS_MATTER) !== 0),
      ...{ route: null, noRoute: null, missingCluster: (info.flags & Flag.NC) === 0 ? '' : cluster, timeoutMs: 0, streamIdleTimeoutMs: 0 },
      transportFailure: info.upstreamTransportFailureReason,
      ...{ bytesReceived: info.bytesReceived, bytesSent: info.bytesSent, connectionTermination: info.connectionTerminationDetails },
    },
  };
}
