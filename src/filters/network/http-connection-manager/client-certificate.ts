/** x-forwarded-client-cert: what upstream is told of the client's certificate. Source: forward_client_cert_details, set_current_client_cert_details. */
import type { RequestHeaders } from '../../../http/header-map.ts';
import type { CertificateInfo, TlsInfo } from '../../../net/tls-info.ts';

const NAME = 'x-forwarded-client-cert';

export type ForwardClientCert = 'SANITIZE' | 'FORWARD_ONLY' | 'APPEND_FORWARD' | 'SANITIZE_SET' | 'ALWAYS_FORWARD_ONLY';

/** What an element says besides By and Hash. Source: HttpConnectionManager.SetCurrentClientCertDetails. */
export interface ClientCertDetails {
  readonly subject: boolean;
  readonly cert: boolean;
  readonly chain: boolean;
  readonly dns: boolean;
  readonly uri: boolean;
}

export function forwardClientCertificate(
  headers: RequestHeaders,
  tls: TlsInfo | null,
  mode: ForwardClientCert,
  details: ClientCertDetails,
): void {
  if (mode === 'ALWAYS_FORWARD_ONLY') return;
  const peer = tls?.peer ?? null;
  if (mode === 'SANITIZE' || tls === null || peer === null) {
    headers.remove(NAME);
    return;
  }
  if (mode === 'FORWARD_ONLY') return;
  const element = describe(tls, peer, details);
  const before = mode === 'APPEND_FORWARD' ? headers.joined(NAME) : undefined;
  headers.set(NAME, before === undefined || before === '' ? element : `${before},${element}`);
}

/** One element; the order of its keys is Envoy's. */
function describe(tls: TlsInfo, peer: CertificateInfo, details: ClientCertDetails): string {
  const parts = (tls.local?.uriSans ?? []).map((uri) => `By=${uri}`);
  parts.push(`Hash=${peer.fingerprint256}`);
  if (details.cert) parts.push(`Cert="${urlEncodedPem(peer.pem)}"`);
  if (details.chain) parts.push(`Chain="${urlEncodedPem(tls.peerChain.map((certificate) => certificate.pem).join(''))}"`);
  if (details.subject) parts.push(`Subject="${peer.subject}"`);
  if (details.uri) parts.push(...(peer.uriSans.length === 0 ? ['URI='] : peer.uriSans.map((uri) => `URI=${uri}`)));
  if (details.dns) parts.push(...peer.dnsSans.map((dns) => `DNS=${dns}`));
  return parts.join(';');
}

function urlEncodedPem(pem: string): string {
  return pem.replace(/[\n\r +/=]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
