/** What statistics are configured with: plain data. Source: envoy.config.metrics.v3.StatsConfig. */

export interface NameMatcherSettings {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
  readonly value: string;
  readonly ignoreCase: boolean;
}

export interface TagSettings {
  readonly name: string;
  /** The first group is taken out of the name, the second (or else the first) is the value; '' = none. */
  readonly regex: string;
  /** Every statistic has the tag with this value; null = no. */
  readonly fixedValue: string | null;
}

export interface StatsSettings {
  readonly tags: readonly TagSettings[];
  readonly useDefaultTags: boolean;
  /** Default tags whose own pattern one of `tags` takes the place of (`allow_default_tag_overrides`). */
  readonly overridden: readonly string[];
  /** Which statistics exist at all: all but these, or only these. */
  readonly matcher: { readonly include: boolean; readonly names: readonly NameMatcherSettings[] };
  /** A sink wants every value of histograms. */
  readonly recordValues: boolean;
  readonly buckets: readonly { readonly match: NameMatcherSettings; readonly bounds: readonly number[] }[];
}

/** What holds without `stats_config`. */
export const DEFAULT_STATS_SETTINGS: StatsSettings = {
  tags: [],
  useDefaultTags: true,
  overridden: [],
  matcher: { include: false, names: [] },
  recordValues: false,
  buckets: [],
};
