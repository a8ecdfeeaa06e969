/** Words for what went wrong in a handshake, as Envoy's logs have them: "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end". */
import type { Certificate } from './certificate.ts';
import type { PeerCertificates, VerifyFailure } from './verify.ts';

/** Numbers of BoringSSL's reasons, which people search for; its library SSL is 16. */
const REASONS: Readonly<Record<string, number>> = {
  CERTIFICATE_VERIFY_FAILED: 125,
  CONNECTION_REJECTED: 133,
  HTTP_REQUEST: 156,
  KEY_USAGE_BIT_INCORRECT: 302,
  NO_COMMON_SIGNATURE_ALGORITHMS: 253,
  NO_SHARED_CIPHER: 184,
  NO_SHARED_GROUP: 266,
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 192,
  TLSV1_ALERT_PROTOCOL_VERSION: 1070,
  TLSV1_ALERT_UNKNOWN_CA: 1048,
  SSLV3_ALERT_CERTIFICATE_UNKNOWN: 1046,
  SSLV3_ALERT_HANDSHAKE_FAILURE: 1040,
  SSLV3_ALERT_BAD_CERTIFICATE: 1042,
  SSLV3_ALERT_CERTIFICATE_EXPIRED: 1045,
  TLSV1_CERTIFICATE_REQUIRED: 1116,
  UNEXPECTED_MESSAGE: 223,
  UNSUPPORTED_PROTOCOL: 240,
  WRONG_VERSION_NUMBER: 247,
};

/** OpenSSL's words that BoringSSL has others for. */
const SAME: Readonly<Record<string, string>> = {
  NO_SUITABLE_KEY_SHARE: 'NO_SHARED_GROUP',
  NO_SUITABLE_SIGNATURE_ALGORITHM: 'NO_COMMON_SIGNATURE_ALGORITHMS',
  TLS_ALERT_UNKNOWN_CA: 'TLSV1_ALERT_UNKNOWN_CA',
  TLSV13_ALERT_CERTIFICATE_REQUIRED: 'TLSV1_CERTIFICATE_REQUIRED',
};

const LIBRARY = 16 << 24;

/** @param reason OpenSSL's, e.g. "no shared cipher" @param more what is known besides; '' */
export function failureText(reason: string, more = ''): string {
  const upper = reason.toUpperCase().replaceAll(' ', '_');
  const name = SAME[upper] ?? upper.replace(/^SSL[/_]TLS_ALERT_/, 'SSLV3_ALERT_');
  const code = LIBRARY + (REASONS[name] ?? 0);
  return `TLS_error:|${code}:SSL routines:OPENSSL_internal:${name}${more === '' ? '' : `:${more}`}:TLS_error_end`;
}

const NO_SHARED_CIPHER = 'SSL routines:OPENSSL_internal:NO_SHARED_CIPHER';

/** BoringSSL says it twice with TLS 1.3. */
export function saidTwice(reason: string, version: string): string {
  if (version !== 'TLSv1.3' || !reason.includes(NO_SHARED_CIPHER)) return reason;
  return reason.replace(NO_SHARED_CIPHER, `${NO_SHARED_CIPHER}|${LIBRARY + REASONS['NO_SHARED_CIPHER']!}:${NO_SHARED_CIPHER}`);
}

/** A certificate says that its key is for something else. */
export const KEY_USAGE_INCORRECT = failureText('key usage bit incorrect');

/** Of an 'error' event before the handshake was over; '' for a connection that just ended. */
export function handshakeFailure(error: NodeJS.ErrnoException & { reason?: string }): string {
  if (error.reason === 'peer did not return a certificate')
    return failureText(error.reason, 'peer did not provide required client certificate');
  if (error.reason !== undefined) return failureText(error.reason);
  return error.code?.startsWith('ERR_SSL_') ? failureText(error.code.slice('ERR_SSL_'.length)) : '';
}

/** Whether a handshake that failed so had got as far as a version. */
export function agreedOnVersion(reason: string): boolean {
  return !/:(UNSUPPORTED_PROTOCOL|HTTP_REQUEST|WRONG_VERSION_NUMBER|CONNECTION_REJECTED):/.test(reason);
}

const LISTS = 'certificate revocation check against provided CRLs failed';

/** What BoringSSL says of a chain, from OpenSSL's code such as "CERT_HAS_EXPIRED". */
const CHAIN_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  CERT_REVOKED: `${LISTS}: certificate revoked`,
  CRL_HAS_EXPIRED: `${LISTS}: CRL has expired`,
  CRL_NOT_YET_VALID: `${LISTS}: CRL is not yet valid`,
  CRL_SIGNATURE_FAILURE: `${LISTS}: CRL signature failure`,
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to get local issuer certificate',
  UNABLE_TO_GET_CRL: `${LISTS}: unable to get certificate CRL`,
  '': 'certificate chain too long',
  INVALID_PURPOSE: 'unsupported certificate purpose',
};

/** What is found out where the chain ends. */
const AT_THE_END: ReadonlySet<string> = new Set(['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_GET_ISSUER_CERT']);

/** @param shown null where nothing was @param missing the name that a certificate has to hold, and does not; '' @param outside Validator.outsideDomains */
export function verificationFailure(
  kind: VerifyFailure | 'no_sni',
  chainError: string,
  shown: PeerCertificates | null = null,
  missing = '',
  outside = '',
): string {
  return failureText(
    'certificate verify failed',
    `verify cert failed: ${outside === '' ? whyNot(kind, chainError, shown?.peerChain ?? [], missing) : outside}`,
  );
}

function whyNot(kind: VerifyFailure | 'no_sni', chainError: string, chain: readonly Certificate[], missing: string): string {
  switch (kind) {
    case 'fail_verify_no_cert':
      return 'no certificate';
    case 'fail_verify_error':
      return `X509_verify_cert: certificate verification error at depth ${AT_THE_END.has(chainError) ? chain.length - 1 : 0}: ${CHAIN_WORDS[chainError] ?? chainError}`;
    case 'fail_verify_san': {
      const names = (chain[0]?.names ?? []).join(', ');
      return missing === ''
        ? `SAN matcher, certificate SANs are [${names}]`
        : `verify SAN list, expected SANs: [${missing}], certificate SANs: [${names}]`;
    }
    case 'fail_verify_cert_hash':
      return 'cert hash and spki';
    case 'no_sni':
      return 'SNI is required';
  }
}
