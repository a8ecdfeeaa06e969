/** Which HTTP a downstream connection speaks. Source: HttpConnectionManager.codec_type, and Envoy's ConnectionManagerUtility::determineNextProtocol. */
import type { ServerCallbacks, ServerConnection } from '../../../http/codec.ts';
import { PREFACE } from '../../../http/h2/protocol.ts';
import { Http2ServerConnection } from '../../../http/h2/server-connection.ts';
import type { Connection } from '../../../net/connection.ts';
import type { HttpConnectionManager } from './http-connection-manager.ts';
import type { HcmSettings } from './settings.ts';

export const Start = { Http1: 0, Http2: 1, Unknown: 2 } as const;
export type Start = (typeof Start)[keyof typeof Start];

/** As much of the preface as no HTTP/1 request begins with: "PRI * HTTP/2". */
const MAGIC = PREFACE.slice(0, 12);
const FIRST = MAGIC.charCodeAt(0);

/** @param alpn what the handshake has agreed on, or a listener filter has found @param earlier bytes before `chunk` */
export function isHttp2Start(type: HcmSettings['codecType'], alpn: readonly string[], earlier: Buffer | null, chunk: Buffer): Start {
  if (type !== 'AUTO') return type === 'HTTP2' ? Start.Http2 : Start.Http1;
  if (earlier === null && chunk[0] !== FIRST && alpn.length === 0) return Start.Http1;
  if (alpn.length === 1 && alpn[0] === 'h2') return Start.Http2;
  const text = (earlier === null ? '' : earlier.latin1Slice()) + chunk.latin1Slice(0, Math.min(chunk.length, MAGIC.length));
  if (text.length >= MAGIC.length) return text.startsWith(MAGIC) ? Start.Http2 : Start.Http1;
  return MAGIC.startsWith(text) ? Start.Unknown : Start.Http1;
}

export function newHttp2Codec(connection: Connection, manager: HttpConnectionManager, callbacks: ServerCallbacks): ServerConnection {
  const { settings, deps } = manager;
  return new Http2ServerConnection(connection, settings.http2, callbacks, manager.http2Stats(), {
    clock: deps.clock,
    random: deps.random,
    flushTimeoutMs: settings.streamIdleTimeoutMs,
  });
}
