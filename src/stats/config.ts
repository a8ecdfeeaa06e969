/** Settings of statistics. Source: envoy.config.metrics.v3.StatsConfig (bootstrap `stats_config`). */
import type { CompileContext } from '../config/context.ts';
import type { StatsConfig, TagSpecifier } from '../config/gen/envoy/config/metrics/v3/stats_pb.js';
import type { ListStringMatcher, StringMatcher } from '../config/gen/envoy/type/matcher/v3/string_pb.js';
import { re2 } from '../runtime/re2.ts';
import { DEFAULT_STATS_SETTINGS, type NameMatcherSettings, type StatsSettings, type TagSettings } from './settings.ts';
import { compileTagPattern } from './tag-pattern.ts';
import { DEFAULT_TAGS } from './tag-rules.ts';

export function compileStatsConfig(config: StatsConfig | undefined, at: CompileContext): StatsSettings {
  if (config === undefined) return DEFAULT_STATS_SETTINGS;
  const useDefaultTags = config.useAllDefaultTags ?? true;
  const mayOverride = config.allowDefaultTagOverrides ?? false;
  const tags = config.statsTags.flatMap((tag, i) => compileTag(tag, useDefaultTags && !mayOverride, at.field('stats_tags', i)));
  return {
    tags,
    useDefaultTags,
    overridden: mayOverride ? tags.filter(({ name, regex }) => regex !== '' && DEFAULT_TAGS.has(name)).map(({ name }) => name) : [],
    matcher: compileMatcher(config, at.field('stats_matcher')),
    recordValues: false,
    buckets: config.histogramBucketSettings.map((settings, i) => {
      const here = at.field('histogram_bucket_settings', i);
      if (settings.buckets.length === 0) here.field('buckets').error('at least one bucket is required');
      return { match: compileName(settings.match, here.field('match')), bounds: [...settings.buckets].sort((a, b) => a - b) };
    }),
  };
}

function compileTag(tag: TagSpecifier, useDefaultTags: boolean, at: CompileContext): TagSettings[] {
  const value = tag.tagValue;
  if (value.case === 'fixedValue') return [{ name: tag.tagName, regex: '', fixedValue: value.value }];
  const regex = value.case === 'regex' ? checkRegex(value.value, compileTagPattern, at.field('regex')) : '';
  if (regex !== '' && useDefaultTags && DEFAULT_TAGS.has(tag.tagName)) {
    at.warn(
      `"${tag.tagName}" is a default tag, whose own pattern stays in force; use_all_default_tags: false, or another name, lets this one work`,
    );
    return [];
  }
  if (regex === '' && !DEFAULT_TAGS.has(tag.tagName))
    at.error(`no regex specified for tag specifier and no default regex for name: '${tag.tagName}'`);
  return [{ name: tag.tagName, regex, fixedValue: null }];
}

function compileMatcher(config: StatsConfig, at: CompileContext): StatsSettings['matcher'] {
  const matcher = config.statsMatcher?.statsMatcher;
  const list = (names: ListStringMatcher, field: string) =>
    names.patterns.map((p, i) => compileName(p, at.field(field).field('patterns', i)));
  switch (matcher?.case) {
    case 'rejectAll':
      // Nothing is named, so nothing is included.
      return { include: matcher.value, names: [] };
    case 'inclusionList':
      return { include: true, names: list(matcher.value, 'inclusion_list') };
    case 'exclusionList':
      return { include: false, names: list(matcher.value, 'exclusion_list') };
    default:
      return { include: false, names: [] };
  }
}

function compileName(matcher: StringMatcher | undefined, at: CompileContext): NameMatcherSettings {
  const pattern = matcher?.matchPattern;
  switch (pattern?.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
      return { kind: pattern.case, value: pattern.value, ignoreCase: matcher?.ignoreCase ?? false };
    case 'safeRegex':
      return {
        kind: 'regex',
        value: checkRegex(pattern.value.regex, (text) => re2().RE2JS.compile(text), at.field('safe_regex').field('regex')),
        ignoreCase: false,
      };
    case 'custom':
      at.field('custom').error('custom string matchers are not supported');
      break;
    default:
      at.error('a match pattern is required');
  }
  return { kind: 'exact', value: '', ignoreCase: false };
}

function checkRegex(pattern: string, compile: (pattern: string) => unknown, at: CompileContext): string {
  try {
    compile(pattern);
    return pattern;
  } catch (error) {
    at.error(`invalid regex '${pattern}': ${(error as Error).message}`);
    return '';
  }
}
