/** Operators on TLS, which print nothing on plain text connections. */
import type { CertificateInfo, TlsInfo } from '../../net/tls-info.ts';
import { type FormatContext, type OperatorMaker, plainString, stringOperator, textOrNull } from './operator.ts';
import { compileTimeFormat } from './start-time.ts';

type Source = (ctx: FormatContext) => TlsInfo | null;

const OF_CONNECTION: Readonly<Record<string, (tls: TlsInfo) => string>> = {
  TLS_VERSION: (tls) => tls.version,
  TLS_CIPHER: (tls) => tls.cipher,
  TLS_GROUP: (tls) => tls.group,
  TLS_SESSION_ID: (tls) => tls.sessionId,
};

const OF_PEER: Readonly<Record<string, (peer: CertificateInfo) => string>> = {
  PEER_SUBJECT: (peer) => peer.subject,
  PEER_ISSUER: (peer) => peer.issuer,
  PEER_SERIAL: (peer) => peer.serial,
  PEER_FINGERPRINT_256: (peer) => peer.fingerprint256,
  PEER_FINGERPRINT_1: (peer) => peer.fingerprint1,
  PEER_CERT: (peer) => encodeURIComponent(peer.pem),
};

const SANS: Readonly<Record<string, (certificate: CertificateInfo) => readonly string[]>> = {
  URI_SAN: (certificate) => certificate.uriSans,
  DNS_SAN: (certificate) => certificate.dnsSans,
  IP_SAN: (certificate) => certificate.ipSans,
  EMAIL_SAN: (certificate) => certificate.emailSans,
  // Names of other kinds are not read.
  OTHERNAME_SAN: () => [],
};

const OF_CHAIN: Readonly<Record<string, (certificate: CertificateInfo) => string>> = {
  FINGERPRINTS_256: (certificate) => certificate.fingerprint256,
  FINGERPRINTS_1: (certificate) => certificate.fingerprint1,
  SERIALS: (certificate) => certificate.serial,
};

/** With a time format as argument. */
const TIMES: Readonly<Record<string, (peer: CertificateInfo) => number>> = {
  PEER_CERT_V_START: (peer) => peer.validFromMs,
  PEER_CERT_V_END: (peer) => peer.validToMs,
};

/** @param prefix DOWNSTREAM or UPSTREAM */
export function tlsOperators(prefix: string, source: Source): (readonly [string, OperatorMaker])[] {
  const list: (readonly [string, OperatorMaker])[] = [];
  const add = (name: string, read: (tls: TlsInfo) => string) => {
    const value = (ctx: FormatContext) => {
      const tls = source(ctx);
      return tls === null ? null : textOrNull(read(tls));
    };
    list.push([`${prefix}_${name}`, plainString(value)]);
  };
  for (const [name, read] of Object.entries(OF_CONNECTION)) add(name, read);
  for (const [name, read] of Object.entries(OF_PEER)) add(name, (tls) => (tls.peer === null ? '' : read(tls.peer)));
  for (const [name, read] of Object.entries(SANS)) {
    add(`PEER_${name}`, (tls) => (tls.peer === null ? '' : read(tls.peer).join()));
    add(`LOCAL_${name}`, (tls) => (tls.local === null ? '' : read(tls.local).join()));
  }
  for (const [name, read] of Object.entries(TIMES)) {
    list.push([
      `${prefix}_${name}`,
      (call) => {
        const time = compileTimeFormat(call.args, false);
        return stringOperator((ctx) => {
          const peer = source(ctx)?.peer ?? null;
          return peer === null ? null : time.format(read(peer));
        });
      },
    ]);
  }
  if (prefix === 'DOWNSTREAM') {
    add('PEER_ISSUER_FINGERPRINT_256', (tls) => tls.peerChain[1]?.fingerprint256 ?? '');
    add('PEER_ISSUER_SERIAL', (tls) => tls.peerChain[1]?.serial ?? '');
  }
  add('LOCAL_SUBJECT', (tls) => tls.local?.subject ?? '');
  for (const [name, read] of Object.entries(OF_CHAIN)) add(`PEER_CHAIN_${name}`, (tls) => tls.peerChain.map(read).join());
  return list;
}
