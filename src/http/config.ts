/** Checked messages of envoy.type and envoy.config.core that many areas use → plain settings. */
import type { Duration } from '@bufbuild/protobuf/wkt';
import type { CompileContext } from '../config/context.ts';
import type { RuntimeFractionalPercent } from '../config/gen/envoy/config/core/v3/base_pb.js';
import type { HeaderMatcher } from '../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { MetadataMatcher } from '../config/gen/envoy/type/matcher/v3/metadata_pb.js';
import type { RegexMatchAndSubstitute, RegexMatcher } from '../config/gen/envoy/type/matcher/v3/regex_pb.js';
import type { StringMatcher } from '../config/gen/envoy/type/matcher/v3/string_pb.js';
import type { ValueMatcher } from '../config/gen/envoy/type/matcher/v3/value_pb.js';
import { FractionalPercent_DenominatorType as Denominator, type FractionalPercent } from '../config/gen/envoy/type/v3/percent_pb.js';
import type { FractionSettings } from '../runtime/runtime.ts';
import { canonicalName } from './header-lookup.ts';
import type { HeaderMatcherSettings } from './header-matcher.ts';
import type { MetadataMatcherSettings, ValueMatcherSettings } from './metadata-matcher.ts';
import { compileRegex, type RegexRewriteSettings, substitutionProblem } from './regex.ts';
import type { StringMatcherSettings } from './string-matcher.ts';
import { wireText } from './wire-text.ts';

export function durationMs(duration: Duration): number;
export function durationMs(duration: Duration | undefined): number | null;
export function durationMs(duration: Duration | undefined): number | null {
  return duration === undefined ? null : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** Reports a pattern that does not compile; returns it as it is matched: in bytes. */
export function compileRegexMatcher(matcher: RegexMatcher | undefined, at: CompileContext): string {
  const pattern = wireText(matcher?.regex ?? '');
  try {
    compileRegex(pattern);
  } catch (e) {
    at.field('regex').error(`invalid regex '${matcher?.regex}': ${(e as Error).message}`);
    return '';
  }
  return pattern;
}

export function compileRegexRewrite(rewrite: RegexMatchAndSubstitute, at: CompileContext): RegexRewriteSettings {
  const pattern = compileRegexMatcher(rewrite.pattern, at.field('pattern'));
  // Envoy loads them all the same.
  const problem = substitutionProblem(rewrite.pattern?.regex ?? '', rewrite.substitution);
  if (problem !== '') at.field('substitution').warn(problem);
  return { pattern, substitution: wireText(rewrite.substitution) };
}

export function compileStringMatcher(matcher: StringMatcher | undefined, at: CompileContext): StringMatcherSettings {
  const pattern = matcher?.matchPattern;
  const ignoreCase = matcher?.ignoreCase ?? false;
  switch (pattern?.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
      return { kind: pattern.case, value: wireText(pattern.value), ignoreCase };
    case 'safeRegex':
      return { kind: 'regex', value: compileRegexMatcher(pattern.value, at.field('safe_regex')), ignoreCase: false };
    case 'custom':
      at.field('custom').error('custom string matchers are not supported');
      break;
    default:
      at.error('a match pattern is required');
  }
  return { kind: 'exact', value: '', ignoreCase: false };
}

export function compileHeaderMatcher(matcher: HeaderMatcher, at: CompileContext): HeaderMatcherSettings {
  const common = {
    name: canonicalName(matcher.name),
    present: true,
    invert: matcher.invertMatch,
    treatMissingAsEmpty: matcher.treatMissingHeaderAsEmpty,
  };
  const spec = matcher.headerMatchSpecifier;
  const plain = (kind: 'exact' | 'prefix' | 'suffix' | 'contains', value: string): HeaderMatcherSettings => ({
    ...common,
    value: { kind, value: wireText(value), ignoreCase: false },
  });
  switch (spec.case) {
    case 'exactMatch':
      // The old field takes an empty string for "any value".
      return plain(spec.value === '' ? 'prefix' : 'exact', spec.value);
    case 'prefixMatch':
      return plain('prefix', spec.value);
    case 'suffixMatch':
      return plain('suffix', spec.value);
    case 'containsMatch':
      return plain('contains', spec.value);
    case 'safeRegexMatch':
      return {
        ...common,
        value: { kind: 'regex', value: compileRegexMatcher(spec.value, at.field('safe_regex_match')), ignoreCase: false },
      };
    case 'rangeMatch':
      return { ...common, value: { kind: 'range', start: Number(spec.value.start), end: Number(spec.value.end) } };
    case 'stringMatch':
      return { ...common, value: compileStringMatcher(spec.value, at.field('string_match')) };
    case 'presentMatch':
      return { ...common, value: null, present: spec.value };
    default:
      return { ...common, value: null };
  }
}

export function compileHeaderMatchers(
  matchers: readonly HeaderMatcher[],
  at: CompileContext,
  fieldName: string,
): readonly HeaderMatcherSettings[] {
  return matchers.map((m, i) => compileHeaderMatcher(m, at.field(fieldName, i)));
}

export function denominatorOf(percent: FractionalPercent): number {
  if (percent.denominator === Denominator.TEN_THOUSAND) return 10_000;
  return percent.denominator === Denominator.MILLION ? 1_000_000 : 100;
}

export function compileRuntimeFraction(fraction: RuntimeFractionalPercent): FractionSettings {
  const value = fraction.defaultValue;
  return {
    runtimeKey: fraction.runtimeKey,
    numerator: value?.numerator ?? 0,
    denominator: value === undefined ? 100 : denominatorOf(value),
  };
}

export function compileMetadataMatcher(matcher: MetadataMatcher, at: CompileContext): MetadataMatcherSettings {
  return {
    filter: matcher.filter,
    path: matcher.path.map((segment) => (segment.segment.case === 'key' ? segment.segment.value : '')),
    value: compileValueMatcher(matcher.value, at.field('value')),
    invert: matcher.invert,
  };
}

function compileValueMatcher(matcher: ValueMatcher | undefined, at: CompileContext): ValueMatcherSettings {
  const pattern = matcher?.matchPattern;
  switch (pattern?.case) {
    case 'nullMatch':
      return { kind: 'null' };
    case 'presentMatch':
      return { kind: 'present', present: pattern.value };
    case 'boolMatch':
      return { kind: 'boolean', value: pattern.value };
    case 'stringMatch':
      return { kind: 'string', value: compileStringMatcher(pattern.value, at.field('string_match')) };
    case 'doubleMatch': {
      const double = pattern.value.matchPattern;
      if (double.case === 'range') return { kind: 'number', start: double.value.start, end: double.value.end };
      return { kind: 'number', start: double.value ?? 0, end: double.value ?? 0 };
    }
    case 'listMatch': {
      const list = pattern.value.matchPattern;
      return {
        kind: 'list',
        one: compileValueMatcher(list.case === 'oneOf' ? list.value : undefined, at.field('list_match').field('one_of')),
      };
    }
    case 'orMatch':
      return {
        kind: 'or',
        any: pattern.value.valueMatchers.map((one, i) => compileValueMatcher(one, at.field('or_match').field('value_matchers', i))),
      };
    default:
      at.error('a match pattern is required');
      return { kind: 'null' };
  }
}
