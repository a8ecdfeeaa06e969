/** Subset balancing from its message. Source: Cluster.lb_subset_config, or the typed policy Subset. */
import type { CompileContext } from '../../config/context.ts';
import {
  type Cluster_LbSubsetConfig,
  Cluster_LbSubsetConfig_LbSubsetFallbackPolicy as FallbackPolicy,
  Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy as MetadataFallback,
  Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy as SelectorPolicy,
} from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Subset } from '../../config/gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js';
import type { SelectorFallback, SubsetFallback, SubsetSelectorSettings, SubsetSettings } from './settings.ts';

type Selector = Pick<
  Cluster_LbSubsetConfig['subsetSelectors'][number],
  'keys' | 'fallbackPolicy' | 'fallbackKeysSubset' | 'singleHostPerSubset'
>;

/** Null: no selectors, so subsets are off. Both messages have the same fields and numbers. */
export function compileSubset(message: Cluster_LbSubsetConfig | Subset | undefined, at: CompileContext): SubsetSettings | null {
  if (message === undefined || message.subsetSelectors.length === 0) return null;
  const selectors: SubsetSelectorSettings[] = [];
  for (const [i, selector] of (message.subsetSelectors as Selector[]).entries()) {
    if (selector.keys.length > 0) selectors.push(compileSelector(selector, at.field('subset_selectors', i)));
  }
  const allowRedundantKeys = 'allowRedundantKeys' in message && message.allowRedundantKeys;
  return {
    fallback: FallbackPolicy[message.fallbackPolicy] as SubsetFallback,
    defaultSubset: message.defaultSubset ?? {},
    selectors: allowRedundantKeys ? selectors.toSorted((a, b) => b.keys.length - a.keys.length) : selectors,
    localityWeightAware: message.localityWeightAware,
    scaleLocalityWeight: message.scaleLocalityWeight,
    panicModeAny: message.panicModeAny,
    listAsAny: message.listAsAny,
    fallbackList: (message.metadataFallbackPolicy as number) === MetadataFallback.FALLBACK_LIST,
    allowRedundantKeys,
  };
}

function compileSelector(selector: Selector, at: CompileContext): SubsetSelectorSettings {
  const keys = [...new Set(selector.keys)].sort();
  const fallbackKeys = [...new Set(selector.fallbackKeysSubset)].sort();
  const fallback = SelectorPolicy[selector.fallbackPolicy] as SelectorFallback;
  if (fallback !== 'KEYS_SUBSET') {
    if (fallbackKeys.length > 0)
      at.field('fallback_keys_subset').error('fallback_keys_subset can be set only for KEYS_SUBSET fallback_policy');
  } else if (fallbackKeys.length === 0) at.field('fallback_keys_subset').error('fallback_keys_subset cannot be empty');
  else if (fallbackKeys.some((key) => !keys.includes(key)))
    at.field('fallback_keys_subset').error('fallback_keys_subset must be a subset of selector keys');
  else if (fallbackKeys.length === keys.length) at.field('fallback_keys_subset').error('fallback_keys_subset cannot be equal to keys');
  return { keys, fallback, fallbackKeys, singleHost: selector.singleHostPerSubset };
}
