/** Where a client's session is kept: in a cookie or a header that names the upstream host, in base64. */
import { cookieValue } from '../../../http/header-lookup.ts';
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { CookieSessionSettings, HeaderSessionSettings } from './settings.ts';

export interface SessionState {
  /** "ip:port" of the session's host; '' = the client has none yet; null = requests like this one have no session. */
  read(headers: RequestHeaders): string | null;
  /** Tells the client its host. */
  write(headers: ResponseHeaders, address: string): void;
}

export function makeSessionState(settings: CookieSessionSettings | HeaderSessionSettings, clock: Clock): SessionState {
  return settings.kind === 'cookie' ? new CookieSession(settings, clock) : new HeaderSession(settings.name);
}

class HeaderSession implements SessionState {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  read(headers: RequestHeaders): string {
    return decode(headers.get(this.#name) ?? '').toString('latin1');
  }

  write(headers: ResponseHeaders, address: string): void {
    // Last, whatever the upstream said under that name.
    headers.remove(this.#name);
    headers.add(this.#name, Buffer.from(address).toString('base64'));
  }
}

class CookieSession implements SessionState {
  readonly #settings: CookieSessionSettings;
  readonly #clock: Clock;

  constructor(settings: CookieSessionSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  read(headers: RequestHeaders): string | null {
    if (!onPath(headers.path, this.#settings.path)) return null;
    const bytes = decode(cookieValue(headers, this.#settings.name) ?? '');
    const cookie = parseCookie(bytes);
    // The older kind: nothing but the address.
    if (cookie === null) return bytes.toString('latin1');
    return cookie.expires !== 0 && cookie.expires < this.#clock.wallMs() / 1000 ? '' : cookie.address;
  }

  write(headers: ResponseHeaders, address: string): void {
    const { name, ttlSeconds, suffix } = this.#settings;
    const expires = ttlSeconds === 0 ? 0 : Math.floor(this.#clock.wallMs() / 1000) + ttlSeconds;
    headers.add('set-cookie', `${name}="${formatCookie(address, expires).toString('base64')}"${suffix}`);
  }
}

/** RFC 6265 §5.1.4, on the path without its query. */
function onPath(requested: string, path: string): boolean {
  if (path === '') return true;
  const query = requested.search(/[?#]/);
  const plain = query < 0 ? requested : requested.slice(0, query);
  if (!plain.startsWith(path)) return false;
  return plain.length === path.length || path.endsWith('/') || plain[path.length] === '/';
}

/** Empty if the text is no base64. */
function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : Buffer.alloc(0);
}

/** Message envoy.Cookie: `string address = 1; uint64 expires = 2;`, the time in seconds since the epoch. */
function formatCookie(address: string, expires: number): Buffer {
  const bytes = [0x0a];
  pushVarint(bytes, address.length);
  for (let i = 0; i < address.length; i++) bytes.push(address.charCodeAt(i));
  if (expires > 0) {
    bytes.push(0x10);
    pushVarint(bytes, expires);
  }
  return Buffer.from(bytes);
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
}

/** null: these bytes are no such message. */
function parseCookie(bytes: Buffer): { readonly address: string; readonly expires: number } | null {
  let address = '';
  let expires = 0;
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return -1;
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag < 8) return null;
    switch (tag % 8) {
      case 0: {
        const value = varint();
        if (value < 0) return null;
        if (field === 2) expires = value;
        break;
      }
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        if (length < 0 || at + length > bytes.length) return null;
        if (field === 1) address = bytes.toString('latin1', at, at + length);
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return null;
    }
  }
  return at === bytes.length ? { address, expires } : null;
}
