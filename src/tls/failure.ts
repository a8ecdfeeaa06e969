/** Words for what went wrong in a handshake, as Envoy's logs have them: "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end". */
import type { VerifyFailure } from './verify.ts';

/** Numbers of BoringSSL's reasons, which people search for; its library SSL is 16. */
const REASONS: Readonly<Record<string, number>> = {
  CERTIFICATE_VERIFY_FAILED: 125,
  HTTP_REQUEST: 156,
  NO_SHARED_CIPHER: 184,
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 192,
  TLSV1_ALERT_PROTOCOL_VERSION: 1070,
  TLSV1_ALERT_UNKNOWN_CA: 1048,
  SSLV3_ALERT_CERTIFICATE_UNKNOWN: 1046,
  SSLV3_ALERT_HANDSHAKE_FAILURE: 1040,
  SSLV3_ALERT_BAD_CERTIFICATE: 1042,
  SSLV3_ALERT_CERTIFICATE_EXPIRED: 1045,
  TLSV1_CERTIFICATE_REQUIRED: 1116,
  UNSUPPORTED_PROTOCOL: 240,
  WRONG_VERSION_NUMBER: 247,
};

/** OpenSSL's words that BoringSSL has others for. */
const SAME: Readonly<Record<string, string>> = {
  TLS_ALERT_UNKNOWN_CA: 'TLSV1_ALERT_UNKNOWN_CA',
  SSL_TLS_ALERT_CERTIFICATE_UNKNOWN: 'SSLV3_ALERT_CERTIFICATE_UNKNOWN',
  TLSV13_ALERT_CERTIFICATE_REQUIRED: 'TLSV1_CERTIFICATE_REQUIRED',
};

const LIBRARY = 16 << 24;

/** @param reason OpenSSL's, e.g. "no shared cipher" @param more what is known besides; '' */
export function failureText(reason: string, more = ''): string {
  const upper = reason.toUpperCase().replaceAll(' ', '_');
  const name = SAME[upper] ?? upper;
  const code = LIBRARY + (REASONS[name] ?? 0);
  return `TLS_error:|${code}:SSL routines:OPENSSL_internal:${name}${more === '' ? '' : `:${more}`}:TLS_error_end`;
}

/** Of an 'error' event before the handshake was over; '' for a connection that just ended. */
export function handshakeFailure(error: NodeJS.ErrnoException & { reason?: string }): string {
  if (error.reason === 'peer did not return a certificate')
    return failureText(error.reason, 'peer did not provide required client certificate');
  if (error.reason !== undefined) return failureText(error.reason);
  return error.code?.startsWith('ERR_SSL_') ? failureText(error.code.slice('ERR_SSL_'.length)) : '';
}

/** What BoringSSL says of a chain, from OpenSSL's code such as "CERT_HAS_EXPIRED". */
const CHAIN_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  CERT_REVOKED: 'certificate revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to get local issuer certificate',
  UNABLE_TO_GET_CRL: 'unable to get certificate CRL',
  INVALID_PURPOSE: 'unsupported certificate purpose',
};

/** @param names the certificate's subject alternative names */
export function verificationFailure(kind: VerifyFailure | 'no_sni', chainError: string, names: readonly string[] = []): string {
  return failureText('certificate verify failed', `verify cert failed: ${whyNot(kind, chainError, names)}`);
}

function whyNot(kind: VerifyFailure | 'no_sni', chainError: string, names: readonly string[]): string {
  switch (kind) {
    case 'fail_verify_no_cert':
      return 'no certificate';
    case 'fail_verify_error':
      return `X509_verify_cert: certificate verification error at depth 0: ${CHAIN_WORDS[chainError] ?? chainError}`;
    case 'fail_verify_san':
      return `SAN matcher, certificate SANs are [${names.join(', ')}]`;
    case 'fail_verify_cert_hash':
      return 'cert hash and spki';
    case 'no_sni':
      return 'SNI is required';
  }
}
