/** Filter-chain criteria from their message. Source: envoy.config.listener.v3.FilterChainMatch. */
import type { CompileContext } from '../../config/context.ts';
import type { CidrRange } from '../../config/gen/envoy/config/core/v3/address_pb.js';
import {
  FilterChainMatch_ConnectionSourceType as ConnectionSourceType,
  type FilterChainMatch,
} from '../../config/gen/envoy/config/listener/v3/listener_components_pb.js';
import { isIp } from '../../net/address.ts';
import { type FilterChainMatchSettings, MATCH_ANYTHING, type SourceType } from '../settings.ts';

export function compileFilterChainMatch(match: FilterChainMatch | undefined, at: CompileContext): FilterChainMatchSettings {
  if (match === undefined) return MATCH_ANYTHING;
  match.serverNames.forEach((name, i) => {
    const partial = name.startsWith('*.') ? name.indexOf('*', 1) >= 0 : name.indexOf('*') >= 0;
    if (partial) at.field('server_names', i).error('partial wildcards are not supported in "server_names"');
  });
  return {
    destinationPort: match.destinationPort ?? 0,
    prefixRanges: compileRanges(match.prefixRanges, at, 'prefix_ranges'),
    serverNames: match.serverNames.map((name) => name.toLowerCase()),
    transportProtocol: match.transportProtocol,
    applicationProtocols: match.applicationProtocols,
    directSourcePrefixRanges: compileRanges(match.directSourcePrefixRanges, at, 'direct_source_prefix_ranges'),
    sourceType: sourceTypeName(match.sourceType),
    sourcePrefixRanges: compileRanges(match.sourcePrefixRanges, at, 'source_prefix_ranges'),
    sourcePorts: match.sourcePorts,
  };
}

function compileRanges(ranges: readonly CidrRange[], at: CompileContext, field: string): string[] {
  const texts: string[] = [];
  ranges.forEach((range, i) => {
    if (isIp(range.addressPrefix)) texts.push(rangeText(range));
    else at.field(field, i).field('address_prefix').error(`malformed IP address: ${range.addressPrefix}`);
  });
  return texts;
}

/** A length that is not given is 0, as in Envoy: the range of everything. */
function rangeText(range: CidrRange): string {
  return `${range.addressPrefix}/${range.prefixLen ?? 0}`;
}

function sourceTypeName(type: ConnectionSourceType): SourceType {
  if (type === ConnectionSourceType.SAME_IP_OR_LOOPBACK) return 'SAME_IP_OR_LOOPBACK';
  return type === ConnectionSourceType.EXTERNAL ? 'EXTERNAL' : 'ANY';
}

/** The criteria as Envoy's error messages show them, in the order of field numbers; equal text = equal criteria. */
export function ruleText(match: FilterChainMatch | undefined): string {
  if (match === undefined) return '{}';
  const rule: Record<string, unknown> = {};
  const add = (name: string, value: unknown): void => {
    const unset = value === undefined || value === '' || value === 'ANY' || (Array.isArray(value) && value.length === 0);
    if (!unset) rule[name] = value;
  };
  const ranges = (list: readonly CidrRange[]) =>
    list.map((r) => ({ address_prefix: r.addressPrefix, ...(r.prefixLen === undefined ? {} : { prefix_len: r.prefixLen }) }));
  add('prefix_ranges', ranges(match.prefixRanges));
  add('source_prefix_ranges', ranges(match.sourcePrefixRanges));
  add('source_ports', match.sourcePorts);
  add('destination_port', match.destinationPort);
  add('transport_protocol', match.transportProtocol);
  add('application_protocols', match.applicationProtocols);
  add('server_names', match.serverNames);
  add('source_type', sourceTypeName(match.sourceType));
  add('direct_source_prefix_ranges', ranges(match.directSourcePrefixRanges));
  return JSON.stringify(rule);
}
