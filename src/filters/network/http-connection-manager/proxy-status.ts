/** The Proxy-Status header of responses that went wrong (RFC 9209). Behaviour: Envoy's ProxyStatusUtils. */
import type { ResponseHeaders } from '../../../http/header-map.ts';
import { Flag, shortFlags } from '../../../http/response-flags.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';

/** Source: HttpConnectionManager.ProxyStatusConfig. */
export interface ProxyStatusSettings {
  /** As the header begins; null = the node's id. */
  readonly name: string | null;
  /** What `details` tells; without `details` nothing of it. */
  readonly details: boolean;
  readonly terminationDetails: boolean;
  readonly flags: boolean;
  /** The status becomes the one that RFC 9209 recommends. */
  readonly recommendedStatus: boolean;
}

/**
 * Envoy's choice of an error for a flag, and the status that RFC 9209 §2.3 recommends for it (0 = none). The first one that is set counts.
 * Not DPE: Envoy flags a request that its codec refuses after it has answered.
 */
const ERRORS: readonly (readonly [flag: number, error: string, status: number])[] = [
  [Flag.LH, 'destination_unavailable', 503],
  [Flag.UH, 'destination_unavailable', 503],
  [Flag.UT, 'http_response_timeout', 504],
  [Flag.LR, 'connection_timeout', 504],
  [Flag.UR, 'connection_terminated', 502],
  [Flag.UF, 'connection_refused', 502],
  [Flag.UC, 'connection_terminated', 502],
  [Flag.UO, 'connection_limit_reached', 503],
  [Flag.NR, 'destination_not_found', 500],
  [Flag.RL, 'connection_limit_reached', 503],
  [Flag.RLSE, 'connection_limit_reached', 503],
  [Flag.URX, 'destination_unavailable', 503],
  [Flag.SI, 'http_response_timeout', 504],
  [Flag.IH, 'http_request_error', 0],
  [Flag.UMSDR, 'http_response_timeout', 504],
  [Flag.NFCF, 'proxy_configuration_error', 500],
  [Flag.UPE, 'http_protocol_error', 502],
  [Flag.NC, 'destination_unavailable', 503],
  [Flag.DF, 'dns_error', 502],
];

export class ProxyStatus {
  readonly #settings: ProxyStatusSettings;
  readonly #name: string;

  constructor(settings: ProxyStatusSettings, nodeId: string) {
    this.#settings = settings;
    this.#name = settings.name ?? nodeId;
  }

  /** Adds the header, behind what proxies farther up have said, if a flag of `info` stands for an error. */
  apply(headers: ResponseHeaders, info: StreamInfo): void {
    const entry = info.flags === 0 ? undefined : ERRORS.find(([flag]) => (info.flags & flag) !== 0);
    if (entry === undefined) return;
    const before = headers.get('proxy-status');
    const own = this.#text(entry[1], info);
    headers.set('proxy-status', before === undefined ? own : `${before}, ${own}`);
    if (this.#settings.recommendedStatus && entry[2] !== 0) headers.status = entry[2];
  }

  #text(error: string, info: StreamInfo): string {
    const settings = this.#settings;
    const text = `${this.#name}; error=${error}`;
    if (!settings.details || info.responseCodeDetails === '') return text;
    const details = [info.responseCodeDetails];
    if (settings.terminationDetails && info.connectionTerminationDetails !== '') details.push(info.connectionTerminationDetails);
    if (settings.flags) details.push(shortFlags(info.flags, info.flagOrder));
    return `${text}; details="${details.join('; ').replace(/["\\]/g, '\\$&')}"`;
  }
}
