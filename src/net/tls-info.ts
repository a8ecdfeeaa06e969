/** What TLS says of a connection: for logs, headers, routes and policies. Implemented over a real socket in src/tls. */

export interface CertificateInfo {
  /** Subject alternative names. */
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly ipSans: readonly string[];
  readonly emailSans: readonly string[];
  /** Those of kinds that an OID says. */
  readonly otherSans: readonly { readonly oid: string; readonly value: string }[];
  /** RFC 2253. */
  readonly subject: string;
  readonly issuer: string;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly fingerprint256: string;
  readonly fingerprint1: string;
  readonly pem: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

export interface TlsInfo {
  /** As in "TLSv1.3"; "TLSv1.2" before the handshake is over. */
  readonly version: string;
  /** OpenSSL's name. */
  readonly cipher: string;
  /** Of the key exchange, as in "X25519"; '' = of a kind that has no name here, or not told. */
  readonly group: string;
  /** Lower-case hexadecimal; ''. */
  readonly sessionId: string;
  /** As sent by the client; ''. */
  readonly serverName: string;
  /** ''. */
  readonly alpn: string;
  readonly peerPresented: boolean;
  readonly peerValidated: boolean;
  /** null = the peer has presented none. */
  readonly peer: CertificateInfo | null;
  /** The peer's chain, leaf first. */
  readonly peerChain: readonly CertificateInfo[];
  readonly local: CertificateInfo | null;
}
