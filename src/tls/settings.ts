/** What a TLS transport socket is told: plain data, made from its messages on the control thread. Source: envoy.extensions.transport_sockets.tls.v3. */
import type { StringMatcherSettings } from '../http/string-matcher.ts';
import type { UpstreamProxyProtocolSettings } from '../net/proxy-protocol.ts';

/** A certificate with its key, as PEM. Never shown anywhere: settings with keys are neither logged nor dumped. */
export interface CertificateSettings {
  readonly chain: string;
  readonly key: string;
  /** Of the key; ''. */
  readonly password: string;
  /** base64 of a PKCS #12 file that stands for chain and key; ''. */
  readonly pkcs12: string;
  /** base64 of a DER-encoded OCSP response; ''. */
  readonly ocspStaple: string;
  /** Of the secret that it is; ''. */
  readonly name: string;
  /** Of the chain's file, or "<inline>". */
  readonly path: string;
}

export type SanType = 'EMAIL' | 'DNS' | 'URI' | 'IP_ADDRESS' | 'OTHER_NAME';

export interface SanMatcherSettings {
  readonly type: SanType;
  /** Of OTHER_NAME: the kind, "1.3.6.1.4.1.311.20.2.3"; '' otherwise. */
  readonly oid: string;
  readonly matcher: StringMatcherSettings;
}

/** Authorities of one SPIFFE trust domain. Source: SPIFFECertValidatorConfig.TrustDomain. */
export interface TrustDomainSettings {
  readonly name: string;
  /** PEM. */
  readonly bundle: string;
}

/** Source: CertificateValidationContext. */
export interface ValidationSettings {
  /** PEM; '' = none: the peer's chain is not verified. */
  readonly trustedCa: string;
  readonly systemRoots: boolean;
  /** Set: the peer's SPIFFE ID says which of them it has to come from, and `trustedCa` holds all of them. */
  readonly trustDomains: readonly TrustDomainSettings[];
  /** Either list satisfied is enough. base64 SHA-256 of the public key; lower-case hexadecimal SHA-256 of the certificate, without colons. */
  readonly spki: readonly string[];
  readonly hashes: readonly string[];
  /** One match is enough; none listed = any name. */
  readonly sans: readonly SanMatcherSettings[];
  /** PEM; ''. */
  readonly crl: string;
  /** Only the peer's own certificate is looked for in it. */
  readonly onlyLeafCrl: boolean;
  /** Authorities are not named to clients. */
  readonly suppressNames: boolean;
  readonly allowExpired: boolean;
  /** ACCEPT_UNTRUSTED: a chain that cannot be verified is accepted, and does not count as validated. */
  readonly acceptUntrusted: boolean;
  /** Certificates between the peer's and the trusted one; -1 = no bound. */
  readonly maxVerifyDepth: number;
  /** Of the secret that it is; ''. */
  readonly name: string;
  /** Of trustedCa's file, or "<inline>". */
  readonly path: string;
}

/** Source: CommonTlsContext. */
export interface CommonTlsSettings {
  readonly minVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL lists; '' = defaults. */
  readonly ciphers: string;
  readonly curves: string;
  readonly signatureAlgorithms: string;
  /** Of TLS 1.3: an OpenSSL list; '' = all of them, as Envoy cannot say which. */
  readonly newCiphers: string;
  readonly certificates: readonly CertificateSettings[];
  /** Names of further certificates, which come and change while the proxy runs. */
  readonly certificateSecrets: readonly string[];
  readonly validation: ValidationSettings | null;
  /** Name of a validation context that is merged over `validation`; ''. */
  readonly validationSecret: string;
  /** Of servers: base64 of 80-byte keys, of which the first encrypts tickets; empty = a key of the process's own. */
  readonly ticketKeys: readonly string[];
  /** Name of a secret that holds them; ''. */
  readonly ticketKeysSecret: string;
  readonly alpn: readonly string[];
  /** null = secrets are written nowhere. */
  readonly keyLog: KeyLogSettings | null;
}

/** Source: TlsKeyLog. */
export interface KeyLogSettings {
  readonly path: string;
  /** "10.0.0.0/8"; empty = any address. */
  readonly localRanges: readonly string[];
  readonly remoteRanges: readonly string[];
}

export type OcspPolicy = 'LENIENT_STAPLING' | 'STRICT_STAPLING' | 'MUST_STAPLE';

/** Source: DownstreamTlsContext. */
export interface DownstreamTlsSettings {
  readonly common: CommonTlsSettings;
  readonly requireClientCertificate: boolean;
  readonly requireSni: boolean;
  /** False: no session tickets. */
  readonly statelessResumption: boolean;
  /** False: no session is kept here, which matters only where there are no tickets. */
  readonly statefulResumption: boolean;
  /** 0 = the library's default. */
  readonly sessionTimeoutS: number;
  readonly fullScanCertificates: boolean;
  readonly ocspPolicy: OcspPolicy;
  readonly preferClientCiphers: boolean;
}

/** Source: UpstreamTlsContext. */
export interface UpstreamTlsSettings {
  readonly common: CommonTlsSettings;
  /** '' = none is sent. */
  readonly sni: string;
  /** The endpoint's hostname is sent. */
  readonly autoHostSni: boolean;
  /** The name that was sent must be one of the server's. */
  readonly autoSniSanValidation: boolean;
  /** The server may ask for another handshake, in which it has to be the same (TLS 1.2). */
  readonly allowRenegotiation: boolean;
  /** Sessions that are kept for resumption. */
  readonly maxSessionKeys: number;
}

/** One entry of transport_socket_matches. */
export interface TransportSocketMatchSettings {
  readonly name: string;
  /** All of them must be in the endpoint's metadata `envoy.transport_socket_match`. */
  readonly match: Readonly<Record<string, unknown>>;
  /** null = plain text. */
  readonly tls: UpstreamTlsSettings | null;
  /** What goes before everything else; null = nothing. */
  readonly proxyProtocol: UpstreamProxyProtocolSettings | null;
}
