/** The headers that a check's configuration adds and removes. Source: request_headers_to_add, request_headers_to_remove, initial_metadata. */
import { compileFormat, type Formatter } from '../../http/format/formatter.ts';
import { FormatContext, type FormatEnvironment } from '../../http/format/operator.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import { type ConnectionInfo, StreamInfo } from '../../http/stream-info.ts';
import type { Address } from '../../net/address.ts';
import type { CheckedHost } from './checked-host.ts';
import type { CheckHeaderSettings } from './settings.ts';

interface Addition {
  readonly settings: CheckHeaderSettings;
  readonly format: Formatter;
}

export class CheckHeaders {
  readonly #add: readonly Addition[];
  readonly #remove: readonly string[];
  readonly #env: FormatEnvironment;

  constructor(add: readonly CheckHeaderSettings[], remove: readonly string[], env: FormatEnvironment) {
    this.#add = add.map((settings) => ({ settings, format: compileFormat(settings.value, env, '') }));
    this.#remove = remove;
    this.#env = env;
  }

  apply(headers: RequestHeaders, host: CheckedHost, cluster: string, protocol: string): void {
    for (const name of this.#remove) headers.remove(name);
    if (this.#add.length === 0) return;
    const ctx = this.#add.some(({ format }) => format.constant === null) ? this.#context(headers, host, cluster, protocol) : null;
    // As everywhere in Envoy what overwrites comes before what is appended.
    for (const appends of [false, true]) {
      for (const { settings, format } of this.#add) {
        const { name, action } = settings;
        if ((action === 'APPEND' || action === 'ADD_IF_ABSENT') !== appends) continue;
        const value = format.constant ?? format.format(ctx!);
        if (value === '' && !settings.keepEmpty) continue;
        const there = headers.has(name);
        if ((action === 'ADD_IF_ABSENT' && there) || (action === 'OVERWRITE_IF_EXISTS' && !there)) continue;
        if (appends) headers.append(name, value);
        else {
          headers.remove(name);
          headers.add(name, value);
        }
      }
    }
  }

  /** As much of a stream as a check has. */
  #context(headers: RequestHeaders, host: CheckedHost, cluster: string, protocol: string): FormatContext {
    const { clock, random } = this.#env;
    const info = new StreamInfo(noDownstream(host.address), clock.nowMs(), clock.wallMs(), random.nextU32());
    info.protocol = protocol;
    info.requestHeaders = headers;
    info.upstreamCluster = cluster;
    info.upstreamClusterObservabilityName = cluster;
    info.upstreamHost = { address: host.address, hostname: host.record.hostname, metadata: host.record.metadata };
    return new FormatContext(info).use(info);
  }
}

function noDownstream(address: Address): ConnectionInfo {
  return {
    id: 0,
    localAddress: address,
    remoteAddress: address,
    directLocalAddress: address,
    directRemoteAddress: address,
    requestedServerName: '',
    transportProtocol: '',
    applicationProtocols: [],
    filterChainName: '',
    listenerName: '',
    trafficDirection: 0,
    localAddressRestored: false,
    tls: null,
    transportFailureReason: '',
    upstreamSource: null,
    proxyTlvs: null,
  };
}
