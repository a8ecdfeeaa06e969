/**
 * Packet-filter rules that send a workload's TCP traffic through the proxy, as text for iptables-restore. Own chains only: what others
 * have put in place is left alone, and applying twice is the same as applying once. Pure; `iptables-command.ts` runs it.
 */

export interface InterceptionOptions {
  /** The proxy runs as this user; what it sends is never redirected, so nothing loops. */
  readonly proxyUid: string;
  /** '' = none. */
  readonly proxyGid: string;
  /** Outbound TCP goes here. */
  readonly proxyPort: number;
  /** Inbound TCP goes here; 0 = inbound is left alone. */
  readonly inboundPort: number;
  /** Ports or ranges ("8000:8010"); '*' = all. */
  readonly inboundInclude: readonly string[];
  readonly inboundExclude: readonly string[];
  /** CIDR ranges; '*' = all. */
  readonly outboundInclude: readonly string[];
  readonly outboundExclude: readonly string[];
  readonly outboundExcludePorts: readonly string[];
  /** How inbound is taken: by NAT, or by TPROXY, which keeps the destination address in the packet (outbound is always NAT). */
  readonly mode: 'redirect' | 'tproxy';
  /** DNS over UDP and TCP goes here; 0 = left alone. */
  readonly dnsPort: number;
}

export type IpVersion = 4 | 6;
export type TableName = 'nat' | 'mangle';

export const TABLES: readonly TableName[] = ['nat', 'mangle'];
const OWN = 'OUTRIDER_';
const OUTPUT = 'OUTRIDER_OUTPUT';
const REDIRECT = 'OUTRIDER_REDIRECT';
const DNS = 'OUTRIDER_DNS';
const INBOUND = 'OUTRIDER_INBOUND';
const IN_REDIRECT = 'OUTRIDER_IN_REDIRECT';
const DIVERT = 'OUTRIDER_DIVERT';
const TPROXY = 'OUTRIDER_TPROXY';
/** Packets with this mark are delivered locally, through a routing table of their own. */
const MARK = 1337;
const ROUTE_TABLE = 133;

/** Rules of one table: own chains, and the rules of built-in chains that lead to them. */
interface Table {
  /** Chain → its rules, without "-A CHAIN". */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly jumps: readonly string[];
}

function loopback(version: IpVersion): string {
  return version === 4 ? '127.0.0.0/8' : '::1/128';
}

function natTable(options: InterceptionOptions, version: IpVersion): Table {
  const chains = new Map<string, string[]>();
  const jumps = [`OUTPUT -p tcp -j ${OUTPUT}`];
  const own = [`-m owner --uid-owner ${options.proxyUid} -j RETURN`];
  if (options.proxyGid !== '') own.push(`-m owner --gid-owner ${options.proxyGid} -j RETURN`);

  chains.set(REDIRECT, [`-p tcp -j REDIRECT --to-ports ${options.proxyPort}`]);
  const output = [...own];
  if (options.dnsPort > 0) output.push(`-p tcp -m tcp --dport 53 -j REDIRECT --to-ports ${options.dnsPort}`);
  output.push(`-d ${loopback(version)} -j RETURN`);
  for (const port of options.outboundExcludePorts) output.push(`-p tcp -m tcp --dport ${port} -j RETURN`);
  for (const range of ofVersion(options.outboundExclude, version)) output.push(`-d ${range} -j RETURN`);
  if (options.outboundInclude.includes('*')) output.push(`-j ${REDIRECT}`);
  else for (const range of ofVersion(options.outboundInclude, version)) output.push(`-d ${range} -j ${REDIRECT}`);
  chains.set(OUTPUT, output);

  if (options.dnsPort > 0) {
    chains.set(DNS, [...own, `-p udp -m udp --dport 53 -j REDIRECT --to-ports ${options.dnsPort}`]);
    jumps.push(`OUTPUT -p udp -m udp --dport 53 -j ${DNS}`);
  }
  if (options.inboundPort > 0 && options.mode === 'redirect') {
    chains.set(IN_REDIRECT, [`-p tcp -j REDIRECT --to-ports ${options.inboundPort}`]);
    chains.set(INBOUND, inboundRules(options, IN_REDIRECT));
    jumps.push(`PREROUTING -p tcp -j ${INBOUND}`);
  }
  return { chains, jumps };
}

function mangleTable(options: InterceptionOptions, version: IpVersion): Table {
  const chains = new Map<string, string[]>();
  if (options.inboundPort === 0 || options.mode !== 'tproxy') return { chains, jumps: [] };
  chains.set(DIVERT, [`-j MARK --set-mark ${MARK}`, '-j ACCEPT']);
  chains.set(TPROXY, [`! -d ${loopback(version)} -p tcp -j TPROXY --on-port ${options.inboundPort} --tproxy-mark ${MARK}/0xffffffff`]);
  // What belongs to a connection that is known goes to its socket; only new connections are taken.
  const established = `-p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ${DIVERT}`;
  const [excluded, included] = [excludeRules(options), includeRules(options, TPROXY)];
  chains.set(INBOUND, ['-i lo -j RETURN', ...excluded, established, ...included]);
  return { chains, jumps: [`PREROUTING -p tcp -j ${INBOUND}`] };
}

function inboundRules(options: InterceptionOptions, target: string): string[] {
  return [...excludeRules(options), ...includeRules(options, target)];
}

function excludeRules(options: InterceptionOptions): string[] {
  return options.inboundExclude.map((port) => `-p tcp -m tcp --dport ${port} -j RETURN`);
}

function includeRules(options: InterceptionOptions, target: string): string[] {
  if (options.inboundInclude.includes('*')) return [`-p tcp -j ${target}`];
  return options.inboundInclude.map((port) => `-p tcp -m tcp --dport ${port} -j ${target}`);
}

function ofVersion(ranges: readonly string[], version: IpVersion): string[] {
  return ranges.filter((range) => range !== '*' && range.indexOf(':') >= 0 === (version === 6));
}

/** What is in a table now that is ours, read from iptables-save. */
export interface ExistingRules {
  readonly chains: readonly string[];
  /** As in "OUTPUT -p tcp -j OUTRIDER_OUTPUT". */
  readonly jumps: readonly string[];
}

export const NOTHING: ExistingRules = { chains: [], jumps: [] };

export function parseSaved(text: string): ExistingRules {
  const chains: string[] = [];
  const jumps: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith(`:${OWN}`)) chains.push(line.slice(1, line.indexOf(' ')));
    else if (line.startsWith('-A ') && !line.startsWith(`-A ${OWN}`) && line.includes(` -j ${OWN}`)) jumps.push(line.slice(3).trim());
  }
  return { chains, jumps };
}

/** iptables-restore --noflush text that takes one table from `existing` to what `options` ask for; '' = nothing to do. */
export function applyText(table: TableName, options: InterceptionOptions, version: IpVersion, existing: ExistingRules): string {
  return restoreText(table, table === 'nat' ? natTable(options, version) : mangleTable(options, version), existing);
}

/** iptables-restore --noflush text that takes everything of ours away; '' = nothing to do. */
export function cleanText(table: TableName, existing: ExistingRules): string {
  return restoreText(table, { chains: new Map(), jumps: [] }, existing);
}

function restoreText(name: TableName, table: Table, existing: ExistingRules): string {
  const stale = existing.chains.filter((chain) => !table.chains.has(chain));
  if (table.chains.size === 0 && existing.chains.length === 0 && existing.jumps.length === 0) return '';
  const lines = [`*${name}`];
  // Declaring a chain makes it, or empties it: the same text serves the first time and every other.
  for (const chain of [...table.chains.keys(), ...stale]) lines.push(`:${chain} - [0:0]`);
  for (const jump of existing.jumps) lines.push(`-D ${jump}`);
  for (const [chain, rules] of table.chains) for (const rule of rules) lines.push(`-A ${chain} ${rule}`);
  for (const jump of table.jumps) lines.push(`-A ${jump}`);
  for (const chain of stale) lines.push(`-X ${chain}`);
  lines.push('COMMIT', '');
  return lines.join('\n');
}

/** `ip` commands that TPROXY needs besides: marked packets are delivered locally. Each may fail if it is there already. */
export function routeCommands(options: InterceptionOptions, version: IpVersion): string[][] {
  if (options.mode !== 'tproxy' || options.inboundPort === 0) return [];
  return [
    [`-${version}`, 'rule', 'add', 'fwmark', String(MARK), 'lookup', String(ROUTE_TABLE)],
    [`-${version}`, 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', String(ROUTE_TABLE)],
  ];
}

/** Takes back what `routeCommands` did. Each may fail if there is nothing to take back. */
export function unrouteCommands(version: IpVersion): string[][] {
  return [
    [`-${version}`, 'rule', 'del', 'fwmark', String(MARK), 'lookup', String(ROUTE_TABLE)],
    [`-${version}`, 'route', 'flush', 'table', String(ROUTE_TABLE)],
  ];
}
