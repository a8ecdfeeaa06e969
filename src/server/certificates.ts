/** The certificates that listeners and clusters use, for `/certs` and the statistics of when they end. Source: envoy.admin.v3.Certificates. */
import type { JsonObject } from '../admin/api.ts';
import type { ClusterCatalog } from '../cluster/catalog.ts';
import type { StatsScope } from '../stats/scope.ts';
import type { Certificate } from '../tls/certificate.ts';
import { leafOf } from '../tls/context.ts';
import { type OcspResponse, parseOcspResponse } from '../tls/ocsp.ts';
import { resolveSecrets } from '../tls/secrets.ts';
import type { CommonTlsSettings } from '../tls/settings.ts';
import type { LiveResources } from './live-resources.ts';

/** What there is to look at. */
export interface CertificateSources {
  readonly resources: LiveResources;
  readonly catalog: ClusterCatalog;
  readonly root: StatsScope;
  /** First address by the listener's name; a listener without one is left out. */
  addressOf(listener: string): string | undefined;
}

interface Shown {
  readonly path: string;
  readonly certificate: Certificate;
  readonly ocsp: OcspResponse | null;
}
interface Context {
  readonly authority: Shown | null;
  readonly chain: readonly Shown[];
}

const DAY_MS = 86_400_000;
/** What Envoy shows when there is no certificate. */
const NO_CERTIFICATE = 4294967295;
/** Envoy calls what has no secret's name by the hash of nothing. */
const UNNAMED = 'e3b0c442';

export class CertificateOverview {
  readonly #sources: CertificateSources;
  #version: number;
  #contexts: readonly Context[];
  /** Certificates by their PEM: thousands of clusters share theirs. */
  #parsed: Map<string, Certificate | null>;

  constructor(sources: CertificateSources) {
    this.#sources = sources;
    this.#version = -1;
    this.#contexts = [];
    this.#parsed = new Map();
  }

  /** Sets the gauges. @param nowMs Clock.wallMs() */
  refresh(nowMs: number): void {
    this.#update();
    let days = NO_CERTIFICATE;
    for (const { authority, chain } of this.#contexts) {
      for (const shown of authority === null ? chain : [authority, ...chain]) days = Math.min(days, daysLeft(shown.certificate, nowMs));
    }
    const { root } = this.#sources;
    root.gauge('server.days_until_first_cert_expiring').set(days);
    root.gauge('server.seconds_until_first_ocsp_response_expiring').set(this.#secondsOfFirstStaple(nowMs));
  }

  /** 0 = it has expired, or there is none. */
  #secondsOfFirstStaple(nowMs: number): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { chain } of this.#contexts) for (const { ocsp } of chain) if (ocsp !== null) first = Math.min(first, ocsp.nextUpdateMs);
    return first === Number.POSITIVE_INFINITY ? 0 : Math.max(0, Math.floor((first - nowMs) / 1000));
  }

  /** envoy.admin.v3.Certificates' `certificates`. @param nowMs Clock.wallMs() */
  list(nowMs: number): readonly JsonObject[] {
    this.#update();
    return this.#contexts.map(({ authority, chain }) => ({
      ca_cert: authority === null ? [] : [details(authority, nowMs)],
      cert_chain: chain.map((shown) => details(shown, nowMs)),
    }));
  }

  #update(): void {
    const { resources } = this.#sources;
    const { version } = resources;
    if (version === this.#version) return;
    this.#version = version;
    const before = this.#parsed;
    const parsed = new Map<string, Certificate | null>();
    const read = (pem: string): Certificate | null => {
      let certificate = parsed.get(pem) ?? before.get(pem);
      if (certificate === undefined)
        certificate = leafOf({ chain: pem, key: '', password: '', pkcs12: '', ocspStaple: '', name: '', path: '' });
      parsed.set(pem, certificate);
      return certificate;
    };
    const contexts: Context[] = [];
    const { secrets } = resources;
    for (const { scope, common } of this.#uses()) {
      const resolved = resolveSecrets(common, secrets);
      if (resolved !== null) contexts.push(contextOf(resolved, scope, read));
    }
    this.#contexts = contexts;
    this.#parsed = parsed;
  }

  /** Those of listeners, then those of clusters. */
  *#uses(): Generator<{ readonly scope: StatsScope; readonly common: CommonTlsSettings }> {
    const { resources, catalog, root, addressOf } = this.#sources;
    for (const { name, statPrefix, filterChains, defaultFilterChain } of resources.listenerSettings()) {
      const text = statPrefix || addressOf(name);
      if (text === undefined) continue;
      const scope = root.tagged('listener', 'envoy.listener_address', text.replaceAll(':', '_'));
      for (const chain of defaultFilterChain === null ? filterChains : [...filterChains, defaultFilterChain])
        if (chain.tls !== null) yield { scope, common: chain.tls.common };
    }
    for (const name of catalog.names()) {
      // Most clusters have none: their settings need not be made into objects.
      if (!/"(?:tls|transportSocketMatches)":/.test(catalog.get(name)!.json)) continue;
      const settings = catalog.settings(name)!;
      const scope = root.tagged('cluster', 'envoy.cluster_name', (settings.altStatName || name).replaceAll(':', '_'));
      for (const tls of [settings.tls, ...settings.transportSocketMatches.map((match) => match.tls)])
        if (tls !== null) yield { scope, common: tls.common };
    }
  }
}

function contextOf(common: CommonTlsSettings, scope: StatsScope, read: (pem: string) => Certificate | null): Context {
  const chain: Shown[] = [];
  for (const { chain: pem, path, name, ocspStaple } of common.certificates) {
    // Node does not take PKCS #12 apart.
    const certificate = pem === '' ? null : read(pem);
    if (certificate === null) continue;
    chain.push({ path, certificate, ocsp: ocspStaple === '' ? null : parseOcspResponse(Buffer.from(ocspStaple, 'base64')) });
    setExpiration(scope, name === '' ? `unnamed_cert_${UNNAMED}` : name, certificate);
  }
  const { validation } = common;
  const authority = validation === null || validation.trustedCa === '' ? null : read(validation.trustedCa);
  if (authority === null) return { authority: null, chain };
  setExpiration(scope, validation!.name === '' ? `unnamed_ca_cert_${UNNAMED}` : validation!.name, authority);
  return { authority: { path: validation!.path, certificate: authority, ocsp: null }, chain };
}

function setExpiration(scope: StatsScope, name: string, certificate: Certificate): void {
  const named = scope.scope('ssl').tagged('certificate', 'envoy.tls_certificate', name);
  named.gauge('expiration_unix_time_seconds').set(Math.floor(certificate.validToMs / 1000));
}

function daysLeft(certificate: Certificate, nowMs: number): number {
  return Math.max(0, Math.floor((certificate.validToMs - nowMs) / DAY_MS));
}

function details({ path, certificate, ocsp }: Shown, nowMs: number): JsonObject {
  return {
    path,
    serial_number: certificate.serial,
    subject_alt_names: [
      ...certificate.dnsSans.map((dns) => ({ dns })),
      ...certificate.uriSans.map((uri) => ({ uri })),
      ...certificate.ipSans.map((ip) => ({ ip_address: ip })),
    ],
    days_until_expiration: String(daysLeft(certificate, nowMs)),
    valid_from: timestamp(certificate.validFromMs),
    expiration_time: timestamp(certificate.validToMs),
    ...(ocsp === null ? {} : { ocsp_details: { valid_from: timestamp(ocsp.thisUpdateMs), expiration: timestamp(ocsp.nextUpdateMs) } }),
  };
}

/** Without fractions of a second, which certificates do not have. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
