/** What generic matching looks at. Source: envoy.type.matcher.v3.Http*MatchInput, envoy.extensions.matching.common_inputs. */
import { isLoopback } from '../../net/address.ts';
import type { CertificateInfo } from '../../net/tls-info.ts';
import type { RequestHeaders } from '../header-map.ts';
import { percentDecode, queryParameter } from '../query.ts';
import type { StreamInfo } from '../stream-info.ts';

export type MatchInputSettings =
  /** Header in lower case, pseudo headers with their colon; parameter of the query; key of the filter state. */
  | { readonly kind: 'request_header' | 'query_parameter' | 'filter_state'; readonly name: string }
  | { readonly kind: 'dynamic_metadata'; readonly filter: string; readonly path: readonly string[] }
  /** `source` is the trusted client address, `direct_source` the peer of the connection. */
  | { readonly kind: 'destination_ip' | 'source_ip' | 'direct_source_ip' | 'destination_port' | 'source_port' | 'source_type' }
  /** Of the client's certificate: all names of a kind, joined with ','. */
  | { readonly kind: 'server_name' | 'uri_san' | 'dns_san' | 'subject' };

/** undefined: there is no such thing, and nothing matches it. @param headers null for a connection that carries no HTTP */
export function readInput(input: MatchInputSettings, headers: RequestHeaders | null, info: StreamInfo): string | undefined {
  const { connection } = info;
  switch (input.kind) {
    case 'request_header':
      return headers?.lookup(input.name);
    case 'query_parameter':
      return headers === null ? undefined : decoded(queryParameter(headers.path, input.name));
    case 'filter_state': {
      const state = info.filterState?.get(input.name);
      return state === undefined ? undefined : String(state);
    }
    case 'dynamic_metadata': {
      let value: unknown = info.dynamicMetadata?.get(input.filter);
      for (const key of input.path)
        value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
      return typeof value === 'string' ? value : undefined;
    }
    case 'destination_ip':
      return connection.localAddress.kind === 'ip' ? connection.localAddress.ip : undefined;
    case 'destination_port':
      return connection.localAddress.kind === 'ip' ? String(connection.localAddress.port) : undefined;
    case 'source_ip':
      return info.remoteAddress.kind === 'ip' ? info.remoteAddress.ip : undefined;
    case 'source_port':
      return info.remoteAddress.kind === 'ip' ? String(info.remoteAddress.port) : undefined;
    case 'direct_source_ip':
      return connection.directRemoteAddress.kind === 'ip' ? connection.directRemoteAddress.ip : undefined;
    case 'source_type':
      return isLocal(info) ? 'local' : undefined;
    case 'server_name':
      return connection.requestedServerName === '' ? undefined : connection.requestedServerName;
    default:
      return connection.tls?.peer ? certificateInput(input.kind, connection.tls.peer) : undefined;
  }
}

function decoded(value: string | undefined): string | undefined {
  return value === undefined ? undefined : percentDecode(value);
}

function isLocal({ connection: { localAddress: local }, remoteAddress: remote }: StreamInfo): boolean {
  return remote.kind !== 'ip' || isLoopback(remote) || (local.kind === 'ip' && local.ip === remote.ip);
}

function certificateInput(kind: 'uri_san' | 'dns_san' | 'subject', peer: CertificateInfo): string | undefined {
  const value = kind === 'subject' ? peer.subject : (kind === 'uri_san' ? peer.uriSans : peer.dnsSans).join(',');
  return value === '' ? undefined : value;
}
