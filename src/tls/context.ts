/** Certificates, keys and parameters as OpenSSL takes them. */
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { nodeModule } from '../runtime/node-module.ts';
import { Certificate } from './certificate.ts';
import { pemsIn } from './chain.ts';
import { parseOcspResponse } from './ocsp.ts';
import type { CertificateSettings, CommonTlsSettings, DownstreamTlsSettings } from './settings.ts';
import { handleTickets } from './tickets.ts';

type Tls = typeof import('node:tls');
type Crypto = typeof import('node:crypto');

/** Envoy's: forward secrecy and authenticated encryption only. OpenSSL knows no groups of equal preference. */
const DEFAULT_CIPHERS =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384';
/** Not configurable in Envoy; a list without them would switch TLS 1.3 off in Node. */
const TLS13_CIPHERS = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256';
const DEFAULT_CURVES = 'X25519MLKEM768:X25519:P-256';

/** SSL_OP_NO_TICKET (RFC 5077 tickets, and those of TLS 1.3). */
const SSL_OP_NO_TICKET = 0x4000;
/** A peer that has been verified cannot come back as somebody else on the same connection. */
const SSL_OP_NO_RENEGOTIATION = 0x4000_0000;

export function tls(): Tls {
  return nodeModule<Tls>('node:tls');
}

/** @throws OpenSSL's error when a certificate, key or list is not what it takes */
function contextOptions(common: CommonTlsSettings, certificates: readonly CertificateSettings[]): SecureContextOptions {
  const { validation } = common;
  const pem = certificates.filter((certificate) => certificate.pkcs12 === '');
  const options: SecureContextOptions = {
    minVersion: common.minVersion,
    maxVersion: common.maxVersion,
    ciphers: `${common.newCiphers === '' ? TLS13_CIPHERS : common.newCiphers}:${common.ciphers === '' ? DEFAULT_CIPHERS : common.ciphers}`,
    ecdhCurve: common.curves === '' ? DEFAULT_CURVES : common.curves,
    honorCipherOrder: true,
    cert: pem.map((certificate) => certificate.chain),
    key: pem.map(({ key, password }) => (password === '' ? { pem: key } : { pem: key, passphrase: password })),
    pfx: certificates
      .filter((certificate) => certificate.pkcs12 !== '')
      .map(({ pkcs12, password }) => ({ buf: Buffer.from(pkcs12, 'base64'), passphrase: password })),
  };
  if (common.signatureAlgorithms !== '') options.sigalgs = common.signatureAlgorithms;
  if (validation !== null) {
    const roots = [
      ...(validation.systemRoots ? tls().rootCertificates : []),
      ...(validation.trustedCa === '' ? [] : [validation.trustedCa]),
    ];
    // Without a CA the chain is not judged; an empty list keeps Node from putting in its own.
    options.ca = roots;
    options.allowPartialTrustChain = true;
    if (validation.crl !== '' && !validation.onlyLeafCrl) options.crl = validation.crl;
  }
  return options;
}

export function clientContext(common: CommonTlsSettings, allowRenegotiation: boolean): SecureContext {
  // A client has one certificate at most.
  const options = contextOptions(common, common.certificates.slice(0, 1));
  if (!allowRenegotiation) options.secureOptions = SSL_OP_NO_RENEGOTIATION;
  return tls().createSecureContext(options);
}

/**
 * @param ticketKeys of 48 bytes each, which all threads share; the first one encrypts
 * @param sessionContext the same for all contexts that may resume each other's sessions
 */
export function serverContext(
  settings: DownstreamTlsSettings,
  certificates: readonly CertificateSettings[],
  ticketKeys: readonly Buffer[],
  sessionContext: string,
): SecureContext {
  const options = contextOptions(settings.common, certificates);
  options.ticketKeys = ticketKeys[0]!;
  options.sessionIdContext = sessionContext;
  options.honorCipherOrder = !settings.preferClientCiphers;
  // What the server likes best counts, even if the client has to be asked for it (HelloRetryRequest): each group is a class of its own.
  if (settings.common.curves !== '') options.ecdhCurve = settings.common.curves.replaceAll(':', '/');
  options.secureOptions = SSL_OP_NO_RENEGOTIATION | (settings.statelessResumption ? 0 : SSL_OP_NO_TICKET);
  if (settings.sessionTimeoutS > 0) options.sessionTimeout = settings.sessionTimeoutS;
  const context = settings.common.validation?.suppressNames === true ? withoutNames(options) : tls().createSecureContext(options);
  // A renewed ticket lives as long as a new one: a certificate that was verified once would be good for ever.
  const renew = settings.common.validation === null;
  if (settings.statelessResumption && (renew || ticketKeys.length > 1)) handleTickets(context, ticketKeys, renew);
  return context;
}

/** Of the authorities in `ca`, which Node names to clients; those that it would trust by itself it does not. Nothing else happens in between. */
function withoutNames(options: SecureContextOptions): SecureContext {
  const { ca, ...others } = options;
  const { createSecureContext, getCACertificates, setDefaultCACertificates } = tls();
  const before = getCACertificates('default');
  setDefaultCACertificates(pemsIn([ca ?? []].flat().join('\n')));
  try {
    return createSecureContext(others);
  } finally {
    setDefaultCACertificates(before);
  }
}

/**
 * A session is resumed only where the same would be asked of the client: it stands for certificates that were verified when it began, or
 * for there being none. Ticket keys are the same everywhere, so this is what keeps sessions of one listener out of another.
 */
export function sessionContextOf({ common, requireClientCertificate, requireSni }: DownstreamTlsSettings): string {
  const { validation, certificates } = common;
  const what = JSON.stringify([requireClientCertificate, requireSni, validation, certificates.map(({ chain, pkcs12 }) => [chain, pkcs12])]);
  // SSL_MAX_SID_CTX_LENGTH is 32.
  return nodeModule<Crypto>('node:crypto').createHash('sha256').update(what).digest('hex').slice(0, 32);
}

/** The first certificate of the chain; null for PKCS #12, which Node does not take apart. @throws if it is no certificate */
export function leafOf(certificate: CertificateSettings): Certificate | null {
  if (certificate.pkcs12 !== '') return null;
  const { X509Certificate } = nodeModule<Crypto>('node:crypto');
  return new Certificate(new X509Certificate(certificate.chain));
}

/** OpenSSL by itself takes a key of another kind for that of another certificate, which is still to come. @throws if it is not the certificate's */
export function checkPrivateKey({ key, password }: CertificateSettings, leaf: Certificate): void {
  const { createPrivateKey } = nodeModule<Crypto>('node:crypto');
  const parsed = createPrivateKey(password === '' ? key : { key, passphrase: password });
  if (!leaf.x509.checkPrivateKey(parsed)) throw new Error('KEY_VALUES_MISMATCH');
}

/** @throws if the key is not the certificate's, or the OCSP response not about it */
export function checkKey(certificate: CertificateSettings): void {
  const { chain, key, password, pkcs12, ocspStaple } = certificate;
  const secret = password === '' ? {} : { passphrase: password };
  tls().createSecureContext(pkcs12 === '' ? { cert: chain, key, ...secret } : { pfx: Buffer.from(pkcs12, 'base64'), ...secret });
  const leaf = leafOf(certificate);
  if (leaf !== null) checkPrivateKey(certificate, leaf);
  if (ocspStaple === '') return;
  const { serial } = parseOcspResponse(Buffer.from(ocspStaple, 'base64'));
  if (leaf !== null && leaf.serial !== serial) throw new Error('OCSP response does not match its TLS certificate');
}
