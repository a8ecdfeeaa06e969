/** Socket addresses as immutable values. Text forms are Envoy's: "1.2.3.4:80", "[::1]:80", a path for UNIX sockets. */
export interface Address {
  readonly kind: 'ip' | 'pipe';
  /** IPv4 or IPv6 text without brackets; '' for a pipe. */
  readonly ip: string;
  readonly port: number;
  readonly version: 4 | 6 | 0;
  /** UNIX socket path ('@name' for the abstract namespace); '' for IP. */
  readonly path: string;
  /** "ip:port", "[ip]:port" or the path. */
  readonly text: string;
}

class IpAddress implements Address {
  readonly kind = 'ip' as const;
  readonly ip: string;
  readonly port: number;
  readonly version: 4 | 6;
  readonly path = '';
  readonly text: string;
  constructor(ip: string, port: number) {
    this.ip = ip;
    this.port = port;
    this.version = ip.indexOf(':') < 0 ? 4 : 6;
    this.text = this.version === 4 ? ip + ':' + port : '[' + ip + ']:' + port;
  }
}

/** @param ip a valid address in text; "::ffff:1.2.3.4" becomes plain IPv4, as Envoy shows it. */
export function ipAddress(ip: string, port: number): Address {
  return new IpAddress(ip.startsWith('::ffff:') && ip.indexOf('.') > 0 ? ip.slice(7) : ip, port);
}

export function pipeAddress(path: string): Address {
  return { kind: 'pipe', ip: '', port: 0, version: 0, path, text: path };
}

/** Parses "1.2.3.4:80" or "[::1]:80" (port needed); null if it is neither. */
export function parseIpPort(text: string): Address | null {
  const colon = text.lastIndexOf(':');
  if (colon <= 0) return null;
  const portText = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(portText)) return null;
  const port = Number(portText);
  let ip = text.slice(0, colon);
  if (ip.startsWith('[') && ip.endsWith(']')) ip = ip.slice(1, -1);
  else if (ip.indexOf(':') >= 0) return null;
  return port <= 65535 && isIp(ip) ? ipAddress(ip, port) : null;
}

const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

export function isIp(text: string): boolean {
  return IPV4.test(text) || (text.indexOf(':') >= 0 && parseIpBytes(text) !== null);
}

/** Network-order bytes: 4 for IPv4, 16 for IPv6; null if `text` is no address. */
export function parseIpBytes(text: string): Uint8Array | null {
  if (IPV4.test(text)) return Uint8Array.from(text.split('.').map(Number));
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  groups.forEach((g, i) => {
    bytes[2 * i] = g >> 8;
    bytes[2 * i + 1] = g & 0xff;
  });
  return bytes;
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (mayEndInIpv4 && i === parts.length - 1 && IPV4.test(part)) {
      const b = part.split('.').map(Number) as [number, number, number, number];
      groups.push((b[0] << 8) | b[1], (b[2] << 8) | b[3]);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

export function isLoopback(address: Address): boolean {
  return address.kind === 'pipe' || (address.version === 4 ? address.ip.startsWith('127.') : address.ip === '::1');
}
