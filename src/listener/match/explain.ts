/** Why a filter chain does not get a connection: each criterion is tried alone, in a table of its own that holds nothing else. */
import { type FilterChainMatchSettings, MATCH_ANYTHING } from '../settings.ts';
import { type ConnectionFacts, FilterChainTable } from './filter-chain-match.ts';

/** In the order in which they are looked at. */
const CRITERIA: readonly (readonly [string, keyof FilterChainMatchSettings])[] = [
  ['destination_port', 'destinationPort'],
  ['prefix_ranges', 'prefixRanges'],
  ['server_names', 'serverNames'],
  ['transport_protocol', 'transportProtocol'],
  ['application_protocols', 'applicationProtocols'],
  ['direct_source_prefix_ranges', 'directSourcePrefixRanges'],
  ['source_type', 'sourceType'],
  ['source_prefix_ranges', 'sourcePrefixRanges'],
  ['source_ports', 'sourcePorts'],
];

/** Criteria that the connection does not meet, as "server_names [a.test]". */
export function unmetCriteria(match: FilterChainMatchSettings, facts: ConnectionFacts): string[] {
  return CRITERIA.filter(([, field]) => isGiven(match, field) && !holdsAlone(match, field, facts)).map((c) => describe(match, c));
}

/** Every criterion that is given; empty: the chain takes all connections. */
export function givenCriteria(match: FilterChainMatchSettings): string[] {
  return CRITERIA.filter(([, field]) => isGiven(match, field)).map((c) => describe(match, c));
}

/** The first criterion in which two chains differ: there the one that was taken was the more specific. '' = none. */
export function firstDifference(a: FilterChainMatchSettings, b: FilterChainMatchSettings): string {
  return CRITERIA.find(([, field]) => String(a[field]) !== String(b[field]))?.[0] ?? '';
}

function isGiven(match: FilterChainMatchSettings, field: keyof FilterChainMatchSettings): boolean {
  return String(match[field]) !== String(MATCH_ANYTHING[field]);
}

function holdsAlone(match: FilterChainMatchSettings, field: keyof FilterChainMatchSettings, facts: ConnectionFacts): boolean {
  const table = new FilterChainTable<true>(null);
  table.add({ ...MATCH_ANYTHING, [field]: match[field] }, true);
  return table.find(facts) === true;
}

function describe(match: FilterChainMatchSettings, [name, field]: readonly [string, keyof FilterChainMatchSettings]): string {
  const value = match[field];
  return `${name} ${Array.isArray(value) ? `[${value.join(', ')}]` : value}`;
}
