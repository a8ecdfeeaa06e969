/** Subset balancing. Source: Cluster.LbSubsetConfig and the typed policy Subset, whose names these are. */
export type SubsetFallback = 'NO_FALLBACK' | 'ANY_ENDPOINT' | 'DEFAULT_SUBSET';
export type SelectorFallback = 'NOT_DEFINED' | SubsetFallback | 'KEYS_SUBSET';

export interface SubsetSelectorSettings {
  /** Sorted, each once. */
  readonly keys: readonly string[];
  readonly fallback: SelectorFallback;
  /** For KEYS_SUBSET: some of `keys`, sorted. */
  readonly fallbackKeys: readonly string[];
  readonly singleHost: boolean;
}

export interface SubsetSettings {
  readonly fallback: SubsetFallback;
  readonly defaultSubset: Readonly<Record<string, unknown>>;
  /** At least one; with allowRedundantKeys those of many keys come first. */
  readonly selectors: readonly SubsetSelectorSettings[];
  readonly localityWeightAware: boolean;
  readonly scaleLocalityWeight: boolean;
  readonly panicModeAny: boolean;
  readonly listAsAny: boolean;
  /** metadata_fallback_policy: FALLBACK_LIST. */
  readonly fallbackList: boolean;
  readonly allowRedundantKeys: boolean;
}
