/** Extended CONNECT and HTTP/1 upgrades are the same thing; inside the proxy it looks like the latter. Source: RFC 8441, Envoy's Http::Utility::transformUpgrade…. */
import type { RequestHeaders, ResponseHeaders } from '../header-map.ts';

/** CONNECT with :protocol → GET with Upgrade. */
export function upgradeFromConnect(headers: RequestHeaders): void {
  headers.method = 'GET';
  headers.set('upgrade', headers.protocol);
  headers.set('connection', 'upgrade');
  headers.protocol = '';
}

/** GET with Upgrade → the :protocol of a CONNECT; the fields themselves never enter an HTTP/2 header block. */
export function connectProtocol(headers: RequestHeaders): string {
  if (headers.method === 'CONNECT') return headers.protocol;
  const connection = headers.get('connection');
  if (connection === undefined || !connection.toLowerCase().includes('upgrade')) return '';
  return headers.get('upgrade') ?? '';
}

/** The answer to a CONNECT that was an upgrade: 200 → 101. */
export function answerUpgrade(headers: ResponseHeaders, protocol: string): void {
  if (headers.status !== 200) return;
  headers.status = 101;
  headers.set('upgrade', protocol);
  headers.set('connection', 'upgrade');
}
