/** Match trees from their messages. Source: xds.type.matcher.v3.Matcher. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { FilterStateInput } from '../../config/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js';
import type { HttpRequestHeaderMatchInput } from '../../config/gen/envoy/type/matcher/v3/http_inputs_pb.js';
import type { StringMatcher } from '../../config/gen/envoy/type/matcher/v3/string_pb.js';
import type { TypedExtensionConfig } from '../../config/gen/xds/core/v3/extension_pb.js';
import type {
  Matcher,
  Matcher_MatcherList_Predicate,
  Matcher_MatcherList_Predicate_PredicateList,
  Matcher_MatcherTree_MatchMap,
  Matcher_OnMatch,
} from '../../config/gen/xds/type/matcher/v3/matcher_pb.js';
import { compileStringMatcher } from '../config.ts';
import { wireText } from '../wire-text.ts';
import { type MatchInputSettings, type MatchTreeSettings, NO_ACTION, type OnMatchSettings, type PredicateSettings } from './match-tree.ts';

const REQUEST_HEADER = 'envoy.type.matcher.v3.HttpRequestHeaderMatchInput';
const FILTER_STATE = 'envoy.extensions.matching.common_inputs.network.v3.FilterStateInput';

export interface MatchOwner {
  /** Compiles an action and gives it a number. */
  action(any: Any | undefined, at: CompileContext): number;
  /** What is said of an input that this owner cannot match on. @param type its full name */
  inputRefused(type: string): string;
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
    here.unsupported('custom_match');
    return null;
  }
  // Only the fallback: legal, and always taken.
  return { kind: 'list', entries: [], onNoMatch };
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
      const matcher = type.value.matcher;
      if (matcher.case !== 'valueMatch') here.unsupported('custom_match');
      // The two APIs have messages of the same shape.
      const value = (matcher.case === 'valueMatch' ? matcher.value : undefined) as unknown as StringMatcher | undefined;
      return {
        kind: 'value',
        input: compileInput(type.value.input, owner, here.field('input')),
        value:
          value === undefined ? { kind: 'exact', value: '', ignoreCase: false } : compileStringMatcher(value, here.field('value_match')),
      };
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

function compileInput(input: TypedExtensionConfig | undefined, owner: MatchOwner, at: CompileContext): MatchInputSettings {
  const here = at.field('typed_config');
  const any = input?.typedConfig;
  const type = anyTypeName(any);
  if (type === REQUEST_HEADER) {
    const config = here.unpackAs<HttpRequestHeaderMatchInput>(any, REQUEST_HEADER);
    return { kind: 'request_header', name: (config?.headerName ?? '').toLowerCase() };
  }
  if (type === FILTER_STATE) return { kind: 'filter_state', name: here.unpackAs<FilterStateInput>(any, FILTER_STATE)?.key ?? '' };
  here.error(owner.inputRefused(type));
  return { kind: 'request_header', name: '' };
}
