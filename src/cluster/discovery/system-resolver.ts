/**
 * DNS as c-ares does it for Envoy: literals, the hosts file, then the servers with the search list of resolv.conf. The system's
 * getaddrinfo would tell no TTL, and would block threads that log files are written on.
 */
import type { promises as dns } from 'node:dns';
import { isIp } from '../../net/address.ts';
import { fs, nodeModule } from '../../runtime/node-module.ts';
import type { DnsResolverOptions } from '../settings.ts';
import type { DnsResolver, ResolvedAddress } from './resolver.ts';

/** Answers that say: there is no such name, or no such record. */
const NO_SUCH = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME']);

export interface SystemFiles {
  readonly hosts: string;
  readonly resolvConf: string;
}

export class SystemResolver implements DnsResolver {
  readonly #resolver: dns.Resolver;
  readonly #files: SystemFiles;
  readonly #searches: boolean;

  /** @param servers "ip:port"; empty = those of resolv.conf */
  constructor(
    servers: readonly string[] = [],
    options: DnsResolverOptions | null = null,
    files: SystemFiles = { hosts: '/etc/hosts', resolvConf: '/etc/resolv.conf' },
  ) {
    const { Resolver } = nodeModule<typeof import('node:dns')>('node:dns').promises;
    this.#resolver = options === null ? new Resolver() : new Resolver({ timeout: options.queryTimeoutMs, tries: options.queryTries });
    if (servers.length > 0 && !(options?.asFallback === true && namesServers(files.resolvConf))) this.#resolver.setServers([...servers]);
    this.#searches = options?.searchDomains ?? true;
    this.#files = files;
  }

  async resolve(name: string, family: 4 | 6): Promise<readonly ResolvedAddress[]> {
    if (isIp(name)) return family === (name.includes(':') ? 6 : 4) ? [{ ip: name, ttlS: Number.POSITIVE_INFINITY }] : [];
    const local = parseHosts(await readText(this.#files.hosts), name, family);
    if (local.length > 0) return local;
    if (name === 'localhost') return [{ ip: family === 4 ? '127.0.0.1' : '::1', ttlS: Number.POSITIVE_INFINITY }];
    for (const candidate of searchNames(name, this.#searches ? await readText(this.#files.resolvConf) : '')) {
      const found = await this.#query(candidate, family);
      if (found.length > 0) return found;
    }
    return [];
  }

  async #query(name: string, family: 4 | 6): Promise<readonly ResolvedAddress[]> {
    try {
      const records = await (family === 4 ? this.#resolver.resolve4(name, { ttl: true }) : this.#resolver.resolve6(name, { ttl: true }));
      return records.map((record) => ({ ip: record.address, ttlS: record.ttl }));
    } catch (error) {
      if (NO_SUCH.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  }
}

/** Entries of `name` in the text of a hosts file. */
export function parseHosts(text: string, name: string, family: 4 | 6): ResolvedAddress[] {
  const found: ResolvedAddress[] = [];
  const wanted = name.toLowerCase();
  for (const line of text.split('\n')) {
    const [ip, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (ip === undefined || !isIp(ip) || ip.includes(':') !== (family === 6)) continue;
    if (names.some((n) => n.toLowerCase() === wanted)) found.push({ ip, ttlS: Number.POSITIVE_INFINITY });
  }
  return found;
}

/** Names to ask for, in order: resolv.conf(5) `search` and `ndots`. */
export function searchNames(name: string, resolvConf: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  let search: string[] = [];
  let ndots = 1;
  for (const line of resolvConf.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'search' || word === 'domain') search = rest;
    else if (word === 'options') {
      for (const option of rest) if (option.startsWith('ndots:')) ndots = Number(option.slice(6));
    }
  }
  const full = search.map((domain) => `${name}.${domain.replace(/\.$/, '')}`);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...full] : [...full, name];
}

function namesServers(resolvConf: string): boolean {
  try {
    return /^\s*nameserver\s/m.test(fs.readFileSync(resolvConf, 'utf8'));
  } catch {
    return false;
  }
}

async function readText(path: string): Promise<string> {
  return fs.promises.readFile(path, 'utf8').catch(() => '');
}
