/** Source: envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport. */
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { TransportSocket } from '../../config/gen/envoy/config/core/v3/base_pb.js';
import {
  ProxyProtocolPassThroughTLVs_PassTLVsMatchType as PassType,
  type ProxyProtocolPassThroughTLVs,
  ProxyProtocolConfig_Version as Version,
} from '../../config/gen/envoy/config/core/v3/proxy_protocol_pb.js';
import type { ProxyProtocolUpstreamTransport } from '../../config/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import type { PassedTlvs } from '../../net/proxy-protocol.ts';
import type { UpstreamProxyProtocolSettings } from '../settings.ts';

const TYPE = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';

/** A transport socket, and the PROXY header that goes before it. */
export interface AnnouncedSocket {
  /** null = none. */
  readonly proxyProtocol: UpstreamProxyProtocolSettings | null;
  readonly socket: TransportSocket | undefined;
  /** Where `socket` stands. */
  readonly at: CompileContext;
}

export function unwrapProxyProtocol(socket: TransportSocket | undefined, at: CompileContext): AnnouncedSocket {
  const any = socket?.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  if (anyTypeName(any) !== TYPE) return { proxyProtocol: null, socket, at };
  const here = at.field('typed_config');
  const message = here.unpackAs<ProxyProtocolUpstreamTransport>(any, TYPE);
  if (message === null) return { proxyProtocol: null, socket: undefined, at };
  const proxyProtocol: UpstreamProxyProtocolSettings = {
    version: message.config?.version === Version.V2 ? 2 : 1,
    tlvs: compilePassedTlvs(message.config?.passThroughTlvs),
  };
  return { proxyProtocol, socket: message.transportSocket, at: here.field('transport_socket') };
}

export function compilePassedTlvs(message: ProxyProtocolPassThroughTLVs | undefined): PassedTlvs {
  if (message === undefined) return [];
  return message.matchType === PassType.INCLUDE_ALL ? 'all' : message.tlvType;
}
