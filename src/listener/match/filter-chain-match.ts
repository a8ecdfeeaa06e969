/**
 * Picks a filter chain. The criteria are looked at in Envoy's fixed order; each keeps only the most specific entries, and what was
 * left behind is never tried again. So a match is one walk through nested tables built when the configuration is applied.
 */
import { type Address, isLoopback } from '../../net/address.ts';
import { parseCidr } from '../../net/cidr.ts';
import { CidrTable } from '../../net/cidr-table.ts';
import type { FilterChainMatchSettings, SourceType } from '../settings.ts';

/** What is known of a connection when its chain is picked. */
export interface ConnectionFacts {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly directRemoteAddress: Address;
  readonly requestedServerName: string;
  readonly transportProtocol: string;
  readonly applicationProtocols: readonly string[];
}

type Ports<T> = Map<number, T>;
type SourceIps<T> = CidrTable<Ports<T>>;
type SourceTypes<T> = Record<SourceType, SourceIps<T> | null>;
type DirectSourceIps<T> = CidrTable<SourceTypes<T>>;
/** Keyed by protocol; '' = not given. Server names: exact, or ".b.c" for "*.b.c". Ports: 0 = not given. */
type ApplicationProtocols<T> = Map<string, DirectSourceIps<T>>;
type TransportProtocols<T> = Map<string, ApplicationProtocols<T>>;
type ServerNames<T> = Map<string, TransportProtocols<T>>;
type DestinationPorts<T> = Map<number, CidrTable<ServerNames<T>>>;

export class FilterChainTable<T> {
  readonly #ports: DestinationPorts<T> = new Map();
  readonly #default: T | null;

  constructor(defaultChain: T | null) {
    this.#default = defaultChain;
  }

  /** Adds a chain under every combination of its criteria. Returns the chain that already has one of them, or null. */
  add(match: FilterChainMatchSettings, chain: T): T | null {
    let overlap: T | null = null;
    const destinations = getOrMake(this.#ports, match.destinationPort, () => new CidrTable<ServerNames<T>>());
    for (const names of entriesFor(destinations, match.prefixRanges, () => new Map() as ServerNames<T>)) {
      for (const name of orUnset(match.serverNames)) {
        const transports = getOrMake(names, name.startsWith('*.') ? name.slice(1) : name, () => new Map() as TransportProtocols<T>);
        const applications = getOrMake(transports, match.transportProtocol, () => new Map() as ApplicationProtocols<T>);
        for (const protocol of orUnset(match.applicationProtocols)) {
          const direct = getOrMake(applications, protocol, () => new CidrTable<SourceTypes<T>>());
          for (const types of entriesFor(direct, match.directSourcePrefixRanges, noSourceTypes<T>)) {
            types[match.sourceType] ??= new CidrTable<Ports<T>>();
            for (const ports of entriesFor(types[match.sourceType]!, match.sourcePrefixRanges, () => new Map() as Ports<T>)) {
              for (const port of match.sourcePorts.length === 0 ? [0] : match.sourcePorts) {
                const other = ports.get(port);
                if (other === undefined) ports.set(port, chain);
                else if (other !== chain) overlap ??= other;
              }
            }
          }
        }
      }
    }
    return overlap;
  }

  /** null = no chain matches, and there is no default. */
  find(facts: ConnectionFacts): T | null {
    if (facts.localAddress.kind === 'ip') {
      const ofPort = this.#ports.get(facts.localAddress.port);
      // A chain that names this port rules out those that name none, even if it then fails.
      if (ofPort !== undefined) return findByDestination(ofPort, facts) ?? this.#default;
    }
    const others = this.#ports.get(0);
    return (others === undefined ? null : findByDestination(others, facts)) ?? this.#default;
  }
}

function findByDestination<T>(table: CidrTable<ServerNames<T>>, facts: ConnectionFacts): T | null {
  const names = table.lookup(facts.localAddress);
  return names === null ? null : findByServerName(names, facts);
}

function findByServerName<T>(names: ServerNames<T>, facts: ConnectionFacts): T | null {
  const name = facts.requestedServerName;
  const exact = names.get(name);
  if (exact !== undefined) return findByTransport(exact, facts);
  // ".b.c", then ".c" for "a.b.c": a suffix needs a label before it.
  for (let dot = name.indexOf('.', 1); dot > 0 && dot < name.length - 1; dot = name.indexOf('.', dot + 1)) {
    const suffix = names.get(name.slice(dot));
    if (suffix !== undefined) return findByTransport(suffix, facts);
  }
  const unset = names.get('');
  return unset === undefined ? null : findByTransport(unset, facts);
}

function findByTransport<T>(transports: TransportProtocols<T>, facts: ConnectionFacts): T | null {
  const applications = transports.get(facts.transportProtocol) ?? transports.get('');
  if (applications === undefined) return null;
  for (const protocol of facts.applicationProtocols) {
    const found = applications.get(protocol);
    if (found !== undefined) return findBySource(found, facts);
  }
  const unset = applications.get('');
  return unset === undefined ? null : findBySource(unset, facts);
}

function findBySource<T>(direct: DirectSourceIps<T>, facts: ConnectionFacts): T | null {
  const types = direct.lookup(facts.directRemoteAddress);
  if (types === null) return null;
  let sources = types.ANY;
  if (types.SAME_IP_OR_LOOPBACK !== null || types.EXTERNAL !== null) {
    sources = (isSameIpOrLoopback(facts) ? types.SAME_IP_OR_LOOPBACK : types.EXTERNAL) ?? types.ANY;
  }
  if (sources === null) return null;
  const ports = sources.lookup(facts.remoteAddress);
  if (ports === null) return null;
  return ports.get(facts.remoteAddress.port) ?? ports.get(0) ?? null;
}

function isSameIpOrLoopback(facts: ConnectionFacts): boolean {
  return isLoopback(facts.remoteAddress) || (facts.remoteAddress.kind === 'ip' && facts.remoteAddress.ip === facts.localAddress.ip);
}

/** The table's entry for each of `ranges`, or its fallback entry if there are none. */
function entriesFor<T>(table: CidrTable<T>, ranges: readonly string[], make: () => T): T[] {
  if (ranges.length === 0) return [(table.fallback ??= make())];
  // Ranges were checked when the configuration was compiled.
  return ranges.map((text) => table.getOrInsert(parseCidr(text)!, make));
}

function orUnset(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [''] : values;
}

function noSourceTypes<T>(): SourceTypes<T> {
  return { ANY: null, SAME_IP_OR_LOOPBACK: null, EXTERNAL: null };
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
