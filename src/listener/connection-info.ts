/** Facts of one accepted connection; filled in by listener filters. */
import type { ConnectionInfo, TlsFingerprints, UpstreamSource } from '../http/stream-info.ts';
import type { Address } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { Tlv } from '../net/proxy-protocol.ts';
import type { TlsInfo } from '../net/tls-info.ts';

const NONE: readonly string[] = [];

export class DownstreamConnectionInfo implements ConnectionInfo {
  readonly id: number;
  localAddress: Address;
  remoteAddress: Address;
  readonly directLocalAddress: Address;
  readonly directRemoteAddress: Address;
  requestedServerName: string;
  transportProtocol: string;
  applicationProtocols: readonly string[];
  tlsFingerprints: TlsFingerprints | null;
  filterChainName: string;
  listenerName: string;
  trafficDirection: number;
  localAddressRestored: boolean;
  tls: TlsInfo | null;
  transportFailureReason: string;
  closeType: 'RemoteReset' | 'LocalReset' | null;
  upstreamSource: UpstreamSource | null;
  proxyTlvs: readonly Tlv[] | null;

  constructor(connection: Connection) {
    this.id = connection.id;
    this.localAddress = connection.localAddress;
    this.remoteAddress = connection.remoteAddress;
    this.directLocalAddress = connection.directLocalAddress;
    this.directRemoteAddress = connection.directRemoteAddress;
    this.requestedServerName = '';
    this.transportProtocol = '';
    this.applicationProtocols = NONE;
    this.tlsFingerprints = null;
    this.filterChainName = '';
    this.listenerName = '';
    this.trafficDirection = 0;
    this.localAddressRestored = false;
    this.tls = null;
    this.transportFailureReason = '';
    this.closeType = null;
    this.upstreamSource = null;
    this.proxyTlvs = null;
  }
}
