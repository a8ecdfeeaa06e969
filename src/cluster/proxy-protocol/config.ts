/** Source: envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport. */
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { Metadata, TransportSocket } from '../../config/gen/envoy/config/core/v3/base_pb.js';
import type { PerHostConfig } from '../../config/gen/envoy/config/core/v3/per_host_config_pb.js';
import {
  ProxyProtocolPassThroughTLVs_PassTLVsMatchType as PassType,
  type ProxyProtocolPassThroughTLVs,
  ProxyProtocolConfig_Version as Version,
} from '../../config/gen/envoy/config/core/v3/proxy_protocol_pb.js';
import type { TlvEntry } from '../../config/gen/envoy/config/core/v3/tlv_entry_pb.js';
import type { ProxyProtocolUpstreamTransport } from '../../config/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { unpackAny } from '../../config/unpack.ts';
import { type AddedTlv, HOST_TLVS, type PassedTlvs, type UpstreamProxyProtocolSettings } from '../../net/proxy-protocol.ts';

const TYPE = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';
const PER_HOST = 'envoy.config.core.v3.PerHostConfig';

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
    added: compileAddedTlvs(message.config?.addedTlvs ?? [], here.field('config')),
    tlvsApart: message.tlvAsPoolKey,
  };
  return { proxyProtocol, socket: message.transportSocket, at: here.field('transport_socket') };
}

export function compilePassedTlvs(message: ProxyProtocolPassThroughTLVs | undefined): PassedTlvs {
  if (message === undefined) return [];
  return message.matchType === PassType.INCLUDE_ALL ? 'all' : message.tlvType;
}

/** Without values there is nothing to add. */
function compileAddedTlvs(list: readonly TlvEntry[], at: CompileContext): readonly AddedTlv[] {
  return list.flatMap(({ type, value, formatString }, i) => {
    if (formatString !== undefined) at.field('added_tlvs', i).unsupported('format_string');
    return value.length === 0 ? [] : [{ type, value: Buffer.from(value).toString('base64') }];
  });
}

/** What an endpoint's metadata says, to be kept among it. @returns null = nothing */
export function compileHostTlvs(metadata: Metadata | undefined): { readonly [HOST_TLVS]: readonly AddedTlv[] } | null {
  const any = metadata?.typedFilterMetadata[HOST_TLVS];
  if (anyTypeName(any) !== PER_HOST) return null;
  const unpacked = unpackAny(any!);
  if (!('message' in unpacked)) return null;
  const { addedTlvs } = unpacked.message as PerHostConfig;
  return {
    [HOST_TLVS]: addedTlvs.flatMap(({ type, value }) =>
      value.length === 0 ? [] : [{ type, value: Buffer.from(value).toString('base64') }],
    ),
  };
}
