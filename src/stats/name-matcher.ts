/** Matches a statistic's full name, as `stats_matcher` and `histogram_bucket_settings` do. */
import { re2 } from '../runtime/re2.ts';
import type { NameMatcherSettings } from './settings.ts';

export type NameMatcher = (fullName: string) => boolean;

export function compileNameMatcher(settings: NameMatcherSettings): NameMatcher {
  if (settings.kind === 'regex') {
    const regex = re2().RE2JS.compile(settings.value);
    return (name) => regex.matcher(name).matches();
  }
  const { ignoreCase } = settings;
  const value = ignoreCase ? settings.value.toLowerCase() : settings.value;
  const fold = ignoreCase ? (name: string) => name.toLowerCase() : (name: string) => name;
  switch (settings.kind) {
    case 'exact':
      return (name) => fold(name) === value;
    case 'prefix':
      return (name) => fold(name).startsWith(value);
    case 'suffix':
      return (name) => fold(name).endsWith(value);
    case 'contains':
      return (name) => fold(name).includes(value);
  }
}
