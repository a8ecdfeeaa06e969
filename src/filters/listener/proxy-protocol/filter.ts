/** Takes the real addresses of a connection from the PROXY protocol header in front of it. */
import { passedTlvs, type Tlv } from '../../../net/proxy-protocol.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { AcceptedConnection, FilterDeps, ListenerFilter, ListenerFilterFactory } from '../../api.ts';
import { ListenerFilterStatus } from '../../api.ts';
import type { ProxyProtocolSettings } from './config.ts';
import { announcedVersion, parseProxyHeader } from './header.ts';

class VersionStats {
  readonly found: Counter;
  readonly disallowed: Counter;
  readonly error: Counter;
  constructor(scope: StatsScope, version: string) {
    this.found = scope.counter(`versions.${version}.found`);
    this.disallowed = scope.counter(`versions.${version}.disallowed`);
    this.error = scope.counter(`versions.${version}.error`);
  }
}

class ProxyProtocolStats {
  readonly notFoundDisallowed: Counter;
  readonly notFoundAllowed: Counter;
  readonly v1: VersionStats;
  readonly v2: VersionStats;
  constructor(scope: StatsScope) {
    this.notFoundDisallowed = scope.counter('not_found_disallowed');
    this.notFoundAllowed = scope.counter('not_found_allowed');
    this.v1 = new VersionStats(scope, 'v1');
    this.v2 = new VersionStats(scope, 'v2');
  }
}

/** Holds nothing of a connection, so one object serves all of them. */
class ProxyProtocolFilter implements ListenerFilter {
  readonly #settings: ProxyProtocolSettings;
  readonly #stats: ProxyProtocolStats;

  constructor(settings: ProxyProtocolSettings, stats: ProxyProtocolStats) {
    this.#settings = settings;
    this.#stats = stats;
  }

  onAccept(): ListenerFilterStatus {
    return ListenerFilterStatus.NeedData;
  }

  onData(accepted: AcceptedConnection, bytes: Buffer): ListenerFilterStatus {
    const version = announcedVersion(bytes);
    if (version === 1 && this.#settings.disallowV1) return this.#disallowed(this.#stats.v1);
    if (version === 2 && this.#settings.disallowV2) return this.#disallowed(this.#stats.v2);
    const header = parseProxyHeader(bytes);
    switch (header) {
      case 'more':
        return ListenerFilterStatus.NeedData;
      case 'absent':
        if (this.#settings.allowWithoutHeader) {
          this.#stats.notFoundAllowed.inc();
          return ListenerFilterStatus.Done;
        }
        this.#stats.notFoundDisallowed.inc();
        return ListenerFilterStatus.Close;
      case 'malformed-v1':
        this.#stats.v1.error.inc();
        return ListenerFilterStatus.Close;
      case 'malformed-v2':
        this.#stats.v2.error.inc();
        return ListenerFilterStatus.Close;
    }
    (header.version === 1 ? this.#stats.v1 : this.#stats.v2).found.inc();
    accepted.consume(header.length);
    if (header.tlvs.length > 0) {
      this.#keepTlvs(accepted, header.tlvs);
      const passed = passedTlvs(header.tlvs, this.#settings.passed);
      if (passed.length > 0) accepted.info.proxyTlvs = passed;
    }
    if (header.source !== null) accepted.setRemoteAddress(header.source);
    // A destination that is the socket's own changes nothing, and does not count as restored.
    if (header.destination !== null && header.destination.text !== accepted.info.localAddress.text)
      accepted.restoreLocalAddress(header.destination);
    return ListenerFilterStatus.Done;
  }

  #disallowed(stats: VersionStats): ListenerFilterStatus {
    stats.disallowed.inc();
    return ListenerFilterStatus.Close;
  }

  #keepTlvs(accepted: AcceptedConnection, tlvs: readonly Tlv[]): void {
    for (const rule of this.#settings.rules) {
      const tlv = tlvs.findLast((t) => t.type === rule.type);
      if (tlv === undefined) continue;
      const metadata = (accepted.streamInfo.dynamicMetadata ??= new Map<string, Record<string, unknown>>());
      const values = metadata.get(rule.namespace) ?? {};
      // Bytes that are no UTF-8 become "!", as Envoy's MessageUtil::sanitizeUtf8String makes them.
      values[rule.key] = rule.base64 ? tlv.value.toString('base64') : tlv.value.toString('utf8').replaceAll('\ufffd', '!');
      metadata.set(rule.namespace, values);
    }
  }
}

export function createProxyProtocol(settings: ProxyProtocolSettings, deps: FilterDeps): ListenerFilterFactory {
  const scope = deps.rootScope.scope(settings.statPrefix === '' ? 'proxy_proto' : `proxy_proto.${settings.statPrefix}`);
  const filter = new ProxyProtocolFilter(settings, new ProxyProtocolStats(scope));
  return { newFilter: () => filter };
}
