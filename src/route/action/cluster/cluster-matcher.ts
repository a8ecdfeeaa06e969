/** A cluster found by a tree: the matcher cluster specifier. */
import type { RequestHeaders } from '../../../http/header-map.ts';
import { buildMatchTree, type MatchTree, type MatchTreeSettings, NO_ACTION } from '../../../http/matching/match-tree.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';

export interface ClusterMatcherSettings {
  readonly kind: 'matched';
  readonly tree: MatchTreeSettings;
  /** By action. */
  readonly clusters: readonly string[];
}

export class ClusterMatcher {
  readonly #tree: MatchTree;
  readonly #clusters: readonly string[];

  constructor(settings: ClusterMatcherSettings) {
    this.#tree = buildMatchTree(settings.tree);
    this.#clusters = settings.clusters;
  }

  /** '' when nothing in the tree matches. */
  clusterName(headers: RequestHeaders, info: StreamInfo): string {
    const action = this.#tree.match(headers, info);
    return action === NO_ACTION ? '' : this.#clusters[action]!;
  }
}
