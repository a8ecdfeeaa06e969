/** Criteria of a route. Source: envoy.config.route.v3.RouteMatch. */
import type { CompileContext } from '../../config/context.ts';
import type { RouteMatch } from '../../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { UriTemplateMatchConfig } from '../../config/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import {
  compileHeaderMatchers,
  compileMetadataMatcher,
  compileRegexMatcher,
  compileRuntimeFraction,
  compileStringMatcher,
} from '../../http/config.ts';
import { wireText } from '../../http/wire-text.ts';
import type { PathMatchSettings, RouteMatchSettings } from '../settings.ts';
import { compileUriTemplate } from './uri-template.ts';

const URI_TEMPLATE = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';

/** One empty list for all routes: thousands of settings cross to the workers, and a list that was seen is sent once. */
const NONE: readonly never[] = [];

function shared<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? NONE : list;
}

export function compileRouteMatch(match: RouteMatch, at: CompileContext): RouteMatchSettings {
  const tls = match.tlsContext;
  return {
    path: compilePath(match, at),
    headers: shared(compileHeaderMatchers(match.headers, at, 'headers')),
    queryParameters: shared(
      match.queryParameters.map((parameter, i) => {
        const spec = parameter.queryParameterMatchSpecifier;
        const here = at.field('query_parameters', i).field('string_match');
        return {
          name: wireText(parameter.name),
          value: spec.case === 'stringMatch' ? compileStringMatcher(spec.value, here) : null,
          present: spec.case === 'presentMatch' ? spec.value : true,
        };
      }),
    ),
    runtimeFraction: match.runtimeFraction === undefined ? null : compileRuntimeFraction(match.runtimeFraction),
    grpc: match.grpc !== undefined,
    tls: tls === undefined ? null : { presented: tls.presented ?? null, validated: tls.validated ?? null },
    dynamicMetadata: shared(match.dynamicMetadata.map((metadata, i) => compileMetadataMatcher(metadata, at.field('dynamic_metadata', i)))),
    filterState: shared(
      match.filterState.map((state, i) => {
        const here = at.field('filter_state', i);
        const value = state.matcher.case === 'stringMatch' ? state.matcher.value : undefined;
        return { key: state.key, value: compileStringMatcher(value, here.field('string_match')) };
      }),
    ),
    cookies: shared(
      match.cookies.map((cookie, i) => ({
        name: cookie.name,
        value: compileStringMatcher(cookie.stringMatch, at.field('cookies', i).field('string_match')),
        invert: cookie.invertMatch,
      })),
    ),
  };
}

function compilePath(match: RouteMatch, at: CompileContext): PathMatchSettings {
  const spec = match.pathSpecifier;
  const caseSensitive = match.caseSensitive ?? true;
  switch (spec.case) {
    case 'prefix':
    case 'path':
      return { kind: spec.case, value: wireText(spec.value), caseSensitive };
    case 'pathSeparatedPrefix':
      return { kind: 'path_separated_prefix', value: wireText(spec.value), caseSensitive };
    case 'safeRegex':
      return { kind: 'regex', value: compileRegexMatcher(spec.value, at.field('safe_regex')), caseSensitive: true };
    case 'connectMatcher':
      return { kind: 'connect', value: '', caseSensitive: true };
    case 'pathMatchPolicy': {
      const here = at.field('path_match_policy').field('typed_config');
      const config = here.unpackAs<UriTemplateMatchConfig>(spec.value.typedConfig, URI_TEMPLATE);
      if (config === null) break;
      try {
        compileUriTemplate(config.pathTemplate);
      } catch (e) {
        here.field('path_template').error((e as Error).message);
        break;
      }
      return { kind: 'uri_template', value: config.pathTemplate, caseSensitive: true };
    }
    default:
      at.error('one of prefix, path, safe_regex, path_separated_prefix, connect_matcher and path_match_policy is required');
  }
  return { kind: 'path', value: '', caseSensitive: true };
}
