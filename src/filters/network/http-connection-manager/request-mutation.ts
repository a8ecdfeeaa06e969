/**
 * Header edits of every request before routing, in Envoy's order (conn_manager_utility.cc, mutateRequestHeaders): hop-by-hop headers,
 * trusted address and x-forwarded-*, scheme, sanitising of external requests, request id.
 */
import { FormatContext, type FormatEnvironment } from '../../../http/format/operator.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import { type Address, ipAddress, isIp, isLoopback } from '../../../net/address.ts';
import { type Cidr, parseCidr } from '../../../net/cidr.ts';
import { HeaderSteps } from '../../../route/headers/header-steps.ts';
import type { Random } from '../../../runtime/random.ts';
import type { LocalInfo } from '../../api.ts';
import { forwardClientCertificate } from './client-certificate.ts';
import { appendVia } from './connection-headers.ts';
import type { HcmSettings } from './settings.ts';
import { InternalAddresses, xffAddress, xffUntrusted } from './trusted-address.ts';

/** Removed from every external request. */
const EXTERNAL_ONLY = new Set([
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-hedge-on-per-try-timeout',
]);

/** Removed besides when the request enters the mesh here (external and use_remote_address). */
const EDGE_ONLY = new Set([
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-original-path',
  'x-envoy-original-host',
]);

/** Position of the trace reason in a request id, and the character for "none". */
const TRACE_NIBBLE = 14;

/** Outcome of original-ip detection that refuses the request. */
export interface MutationResult {
  /** 0, or the status of the refusal. */
  rejectStatus: number;
}

const ACCEPTED: MutationResult = { rejectStatus: 0 };

/** What original-ip detection found out. */
interface Detected extends MutationResult {
  /** null = nothing: the peer it is. */
  readonly address: Address | null;
  /** The address may make the request an internal one. */
  readonly single: boolean;
  /** The peer goes into x-forwarded-for. */
  readonly append: boolean;
}

/** Envoy appends an untrusted sender even with skip_xff_append. */
const UNTRUSTED: Detected = { rejectStatus: 0, address: null, single: false, append: true };

export class RequestMutation {
  readonly #settings: HcmSettings;
  readonly #local: LocalInfo;
  readonly #internal: InternalAddresses;
  readonly #trustedCidrs: readonly Cidr[];
  readonly #random: Random;
  /** null: none, as nearly always. */
  readonly #early: HeaderSteps | null;

  constructor(settings: HcmSettings, local: LocalInfo, random: Random, format: FormatEnvironment) {
    this.#settings = settings;
    this.#local = local;
    this.#random = random;
    this.#early = settings.earlyHeaderMutations.length === 0 ? null : new HeaderSteps(settings.earlyHeaderMutations, format);
    this.#internal = new InternalAddresses(settings.internalCidrs, settings.internalUnixSockets);
    const detection = settings.originalIpDetection;
    this.#trustedCidrs = detection?.kind === 'xff' ? detection.trustedCidrs.map((text) => parseCidr(text)!) : [];
  }

  /** @param isUpgrade the request carries Upgrade and a matching Connection token @param internalOnly route_config.internal_only_headers */
  mutate(headers: RequestHeaders, info: StreamInfo, isUpgrade: boolean, secure: boolean, internalOnly: readonly string[]): MutationResult {
    const settings = this.#settings;
    if (this.#early !== null) {
      const ctx = new FormatContext(info);
      ctx.requestHeaders = headers;
      this.#early.apply(headers, ctx);
    }
    this.#removeHopByHop(headers, isUpgrade);

    const peer = info.connection.directRemoteAddress;
    const client = info.connection.remoteAddress;
    let trusted: Address = client;
    let singleXff = false;
    const hadXff = headers.has('x-forwarded-for');

    if (settings.useRemoteAddress) {
      if (settings.xffNumTrustedHops > 0) {
        const found = xffAddress(headers, settings.xffNumTrustedHops - 1);
        if (found !== null) trusted = ipAddress(found.ip, 0);
      }
      if (!settings.skipXffAppend) this.#appendXff(headers, client);
    } else if (settings.originalIpDetection !== null) {
      const verdict = this.#detect(headers, client);
      if (verdict.rejectStatus !== 0) return verdict;
      if (verdict.address !== null) trusted = verdict.address;
      singleXff = verdict.single;
      if (verdict.append) this.#appendXff(headers, client);
    } else {
      const found = xffAddress(headers, settings.xffNumTrustedHops);
      if (found !== null) {
        trusted = ipAddress(found.ip, 0);
        singleXff = found.only;
      }
    }
    info.remoteAddress = trusted;

    const proto = secure ? 'https' : 'http';
    if (settings.useRemoteAddress && settings.xffNumTrustedHops === 0) {
      headers.set('x-forwarded-proto', proto);
      if (settings.appendXForwardedPort) headers.set('x-forwarded-port', String(info.connection.localAddress.port));
    } else {
      if (!headers.has('x-forwarded-proto')) headers.add('x-forwarded-proto', proto);
      if (settings.appendXForwardedPort && !headers.has('x-forwarded-port'))
        headers.add('x-forwarded-port', String(info.connection.localAddress.port));
    }
    if (settings.schemeToOverwrite !== '') {
      headers.scheme = settings.schemeToOverwrite;
      headers.set('x-forwarded-proto', settings.schemeToOverwrite);
    }
    if (headers.scheme === '') {
      const forwarded = headers.get('x-forwarded-proto');
      headers.scheme = forwarded === 'http' || forwarded === 'https' ? forwarded : proto;
    } else headers.scheme = headers.scheme.toLowerCase();

    const internal = this.#isInternal(hadXff, singleXff, peer, trusted);
    const edge = !internal && settings.useRemoteAddress;
    if (internal) headers.set('x-envoy-internal', 'true');
    else this.#sanitizeExternal(headers, edge, internalOnly);

    if (settings.addUserAgent) this.#addUserAgent(headers);
    if (settings.via !== '') appendVia(headers, settings.via);
    if (edge && trusted.kind === 'ip') headers.set('x-envoy-external-address', trusted.ip);
    if (settings.generateRequestId) this.#requestId(headers, edge);
    forwardClientCertificate(headers, info.connection.tls, settings.forwardClientCert, settings.clientCertDetails);
    return ACCEPTED;
  }

  #removeHopByHop(headers: RequestHeaders, isUpgrade: boolean): void {
    const names = headers.names;
    let any = false;
    for (let i = 0; i < names.length; i++) {
      switch (names[i]) {
        case 'connection':
        case 'upgrade':
        case 'te':
        case 'keep-alive':
        case 'proxy-connection':
        case 'transfer-encoding':
        case 'x-envoy-internal':
        case 'referer':
          any = true;
      }
    }
    if (!any) return;
    if (!isUpgrade) {
      headers.remove('connection');
      headers.remove('upgrade');
      const te = headers.joined('te');
      if (te !== undefined) {
        if (te.split(',').some((token) => token.trim().toLowerCase().split(';')[0] === 'trailers')) headers.set('te', 'trailers');
        else headers.remove('te');
      }
    }
    headers.remove('x-envoy-internal');
    headers.remove('keep-alive');
    headers.remove('proxy-connection');
    headers.remove('transfer-encoding');
    const referer = headers.get('referer');
    if (referer !== undefined && (headers.getAll('referer').length > 1 || !isValidReferer(referer))) headers.remove('referer');
  }

  #appendXff(headers: RequestHeaders, client: Address): void {
    if (client.kind !== 'ip') return;
    // A loopback client is this machine: Envoy shows the machine's own address instead.
    let ip = isLoopback(client) ? this.#local.addressIp : client.ip;
    if (this.#settings.representIpv4AsMapped && ip.indexOf(':') < 0) ip = '::ffff:' + ip;
    headers.append('x-forwarded-for', ip);
  }

  #detect(headers: RequestHeaders, client: Address): Detected {
    const detection = this.#settings.originalIpDetection!;
    if (detection.kind === 'xff') {
      const byRange = this.#trustedCidrs.length > 0;
      // Anyone can send x-forwarded-for: with trusted ranges it counts only if the sender is in one of them.
      if (byRange && !(client.kind === 'ip' && this.#trustedCidrs.some((range) => range.contains(client.ip)))) return UNTRUSTED;
      const found = byRange ? xffUntrusted(headers, this.#trustedCidrs) : xffAddress(headers, detection.xffNumTrustedHops);
      const append = !detection.skipXffAppend;
      return { rejectStatus: 0, address: found === null ? null : ipAddress(found.ip, 0), single: found?.only ?? false, append };
    }
    const value = headers.get(detection.headerName);
    const address = value === undefined || !isIp(value) ? null : ipAddress(value, 0);
    if (address === null)
      return { rejectStatus: detection.rejects ? detection.rejectStatus : 0, address: null, single: false, append: false };
    return { rejectStatus: 0, address, single: detection.allowUntrusted, append: false };
  }

  #isInternal(hadXff: boolean, singleXff: boolean, peer: Address, trusted: Address): boolean {
    if (this.#internal.none) return false;
    if (this.#settings.useRemoteAddress) return !hadXff && this.#internal.has(peer);
    return singleXff && this.#internal.has(trusted);
  }

  #sanitizeExternal(headers: RequestHeaders, edge: boolean, internalOnly: readonly string[]): void {
    const names = headers.names;
    for (let i = names.length - 1; i >= 0; i--) {
      const name = names[i]!;
      // All but the configured ones share this prefix; most requests carry none of them.
      if (name.charCodeAt(0) !== 0x78 || !name.startsWith('x-envoy-')) continue;
      if (EXTERNAL_ONLY.has(name) || (edge && EDGE_ONLY.has(name))) headers.remove(name);
    }
    for (let i = 0; i < internalOnly.length; i++) headers.remove(internalOnly[i]!);
  }

  #addUserAgent(headers: RequestHeaders): void {
    headers.set('x-envoy-downstream-service-cluster', this.#local.clusterName);
    const agent = headers.get('user-agent');
    if (agent === undefined || agent === '') headers.set('user-agent', this.#local.clusterName);
    if (this.#local.nodeId !== '') headers.set('x-envoy-downstream-service-node', this.#local.nodeId);
  }

  #requestId(headers: RequestHeaders, edge: boolean): void {
    const given = headers.get('x-request-id');
    if (given === undefined || given === '' || (edge && !this.#settings.preserveExternalRequestId)) {
      headers.set('x-request-id', this.#random.uuid());
      return;
    }
    // A kept external id must not claim a sampling decision of its own.
    if (edge && this.#settings.packTraceReason && given.length === 36 && given[TRACE_NIBBLE] !== '4') {
      headers.set('x-request-id', given.slice(0, TRACE_NIBBLE) + '4' + given.slice(TRACE_NIBBLE + 1));
    }
  }
}

/** No userinfo and no fragment (RFC 9110 §10.1.3). */
function isValidReferer(value: string): boolean {
  if (value.indexOf('#') >= 0) return false;
  const scheme = value.indexOf('://');
  if (scheme < 0) return true;
  const slash = value.indexOf('/', scheme + 3);
  const authority = slash < 0 ? value.slice(scheme + 3) : value.slice(scheme + 3, slash);
  return authority.indexOf('@') < 0;
}
