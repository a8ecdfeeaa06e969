/** Match trees from their messages. Source: xds.type.matcher.v3.Matcher. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { Ip } from '../../config/gen/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.js';
import type { StringMatcher } from '../../config/gen/envoy/type/matcher/v3/string_pb.js';
import type { TypedExtensionConfig } from '../../config/gen/xds/core/v3/extension_pb.js';
import type { ServerNameMatcher } from '../../config/gen/xds/type/matcher/v3/domain_pb.js';
import type { IPMatcher } from '../../config/gen/xds/type/matcher/v3/ip_pb.js';
import type {
  Matcher,
  Matcher_MatcherList_Predicate,
  Matcher_MatcherList_Predicate_PredicateList,
  Matcher_MatcherTree_MatchMap,
  Matcher_OnMatch,
} from '../../config/gen/xds/type/matcher/v3/matcher_pb.js';
import { isCidr } from '../address-ranges.ts';
import { compileStringMatcher } from '../config.ts';
import { wireText } from '../wire-text.ts';
import { compileInput } from './input-config.ts';
import type { MatchInputSettings } from './match-input.ts';
import { type IpRangeSettings, type MatchTreeSettings, NO_ACTION, type OnMatchSettings, type PredicateSettings } from './match-tree.ts';

const IP = 'envoy.extensions.matching.input_matchers.ip.v3.Ip';
const IP_TREE = 'xds.type.matcher.v3.IPMatcher';
const SERVER_NAME_TREE = 'xds.type.matcher.v3.ServerNameMatcher';

export interface MatchOwner {
  /** Compiles an action and gives it a number. */
  action(any: Any | undefined, at: CompileContext): number;
  /** What is said of an input that this owner cannot match on; null = it can. @param type its full name */
  inputRefused(type: string): string | null;
}

/** null when it was refused, and reported. */
export function compileMatcher(matcher: Matcher, owner: MatchOwner, at: CompileContext): MatchTreeSettings | null {
  const onNoMatch = matcher.onNoMatch === undefined ? null : compileOnMatch(matcher.onNoMatch, owner, at.field('on_no_match'));
  const type = matcher.matcherType;
  if (type.case === 'matcherList') {
    const here = at.field('matcher_list');
    const entries = type.value.matchers.map((entry, i) => {
      const place = here.field('matchers', i);
      return {
        predicate: compilePredicate(entry.predicate, owner, place.field('predicate')),
        onMatch: compileOnMatch(entry.onMatch, owner, place.field('on_match')),
      };
    });
    return { kind: 'list', entries, onNoMatch };
  }
  if (type.case === 'matcherTree') {
    const here = at.field('matcher_tree');
    const input = compileInput(type.value.input, owner, here.field('input'));
    const tree = type.value.treeType;
    if (tree.case === 'exactMatchMap')
      return { kind: 'exact', input, map: compileMap(tree.value, owner, here.field('exact_match_map')), onNoMatch };
    if (tree.case === 'prefixMatchMap') {
      return { kind: 'prefix', input, map: compileMap(tree.value, owner, here.field('prefix_match_map')), onNoMatch };
    }
    if (tree.case === 'customMatch') return compileCustomTree(tree.value, input, onNoMatch, owner, here.field('custom_match'));
    here.error('one of exact_match_map, prefix_match_map and custom_match is required');
    return null;
  }
  // Only the fallback: legal, and always taken.
  return { kind: 'list', entries: [], onNoMatch };
}

function compileCustomTree(
  custom: TypedExtensionConfig,
  input: MatchInputSettings,
  onNoMatch: OnMatchSettings | null,
  owner: MatchOwner,
  at: CompileContext,
): MatchTreeSettings | null {
  const here = at.field('typed_config');
  const type = anyTypeName(custom.typedConfig);
  if (type === IP_TREE) {
    const matchers = here.unpackAs<IPMatcher>(custom.typedConfig, IP_TREE)?.rangeMatchers ?? [];
    const ranges = matchers.flatMap(({ ranges, onMatch, exclusive }, i): IpRangeSettings[] => {
      const place = here.field('range_matchers', i);
      const compiled = compileOnMatch(onMatch, owner, place.field('on_match'));
      return compileRanges(ranges, place.field('ranges')).map((range) => ({ range, onMatch: compiled, exclusive }));
    });
    const length = ({ range }: IpRangeSettings) => Number(range.slice(range.indexOf('/') + 1));
    return { kind: 'ip', input, ranges: ranges.sort((a, b) => length(b) - length(a)), onNoMatch };
  }
  if (type === SERVER_NAME_TREE) {
    const map: Record<string, OnMatchSettings> = {};
    (here.unpackAs<ServerNameMatcher>(custom.typedConfig, SERVER_NAME_TREE)?.domainMatchers ?? []).forEach(({ domains, onMatch }, i) => {
      const place = here.field('domain_matchers', i);
      const compiled = compileOnMatch(onMatch, owner, place.field('on_match'));
      domains.forEach((domain, j) => {
        if (domain in map) place.field('domains', j).error(`Duplicate domain in ServerNameMatcher: ${domain}`);
        map[domain] = compiled;
      });
    });
    return { kind: 'server_name', input, map, onNoMatch };
  }
  at.unsupported('typed_config', `extension ${type} is not supported by Outrider yet`);
  return null;
}

function compileRanges(
  ranges: readonly { readonly addressPrefix: string; readonly prefixLen?: number | undefined }[],
  at: CompileContext,
): string[] {
  return ranges.map(({ addressPrefix, prefixLen }) => {
    const text = `${addressPrefix}/${prefixLen ?? 0}`;
    if (!isCidr(text)) at.error(`malformed IP address: ${addressPrefix}`);
    return text;
  });
}

function compileMap(message: Matcher_MatcherTree_MatchMap, owner: MatchOwner, at: CompileContext): Record<string, OnMatchSettings> {
  const map: Record<string, OnMatchSettings> = {};
  for (const [key, onMatch] of Object.entries(message.map)) map[wireText(key)] = compileOnMatch(onMatch, owner, at.key('map', key));
  return map;
}

const NOTHING: OnMatchSettings = { action: NO_ACTION };

function compileOnMatch(message: Matcher_OnMatch | undefined, owner: MatchOwner, at: CompileContext): OnMatchSettings {
  const onMatch = message?.onMatch;
  // keep_matching: the match is noted, by nobody here, and the search goes on.
  if (message?.keepMatching === true) return NOTHING;
  if (onMatch?.case === 'action') return { action: owner.action(onMatch.value.typedConfig, at.field('action').field('typed_config')) };
  if (onMatch?.case === 'matcher') {
    const tree = compileMatcher(onMatch.value, owner, at.field('matcher'));
    return tree === null ? NOTHING : { tree };
  }
  at.error('one of matcher and action is required');
  return NOTHING;
}

function compilePredicate(message: Matcher_MatcherList_Predicate | undefined, owner: MatchOwner, at: CompileContext): PredicateSettings {
  const type = message?.matchType;
  const many = (list: Matcher_MatcherList_Predicate_PredicateList, here: CompileContext) =>
    list.predicate.map((predicate, i) => compilePredicate(predicate, owner, here.field('predicate', i)));
  switch (type?.case) {
    case 'singlePredicate': {
      const here = at.field('single_predicate');
      const input = compileInput(type.value.input, owner, here.field('input'));
      const matcher = type.value.matcher;
      if (matcher.case === 'customMatch') return compileCustomMatch(matcher.value, input, here.field('custom_match'));
      // The two APIs have messages of the same shape.
      const value = matcher.value as unknown as StringMatcher | undefined;
      return { kind: 'value', input, value: compileStringMatcher(value, here.field('value_match')) };
    }
    case 'andMatcher':
      return { kind: 'and', predicates: many(type.value, at.field('and_matcher')) };
    case 'orMatcher':
      return { kind: 'or', predicates: many(type.value, at.field('or_matcher')) };
    case 'notMatcher':
      return { kind: 'not', predicate: compilePredicate(type.value, owner, at.field('not_matcher')) };
    default:
      at.error('one of single_predicate, or_matcher, and_matcher and not_matcher is required');
      return { kind: 'and', predicates: [] };
  }
}

function compileCustomMatch(custom: TypedExtensionConfig, input: MatchInputSettings, at: CompileContext): PredicateSettings {
  const here = at.field('typed_config');
  if (anyTypeName(custom.typedConfig) !== IP)
    at.unsupported('typed_config', `extension ${anyTypeName(custom.typedConfig)} is not supported by Outrider yet`);
  const ranges = anyTypeName(custom.typedConfig) === IP ? (here.unpackAs<Ip>(custom.typedConfig, IP)?.cidrRanges ?? []) : [];
  return { kind: 'ip', input, ranges: compileRanges(ranges, here.field('cidr_ranges')) };
}
