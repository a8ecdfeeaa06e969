/** What everything that names a cluster is checked by. */
import type { CompileContext } from '../../../config/context.ts';
import { didYouMean } from '../../../config/suggest.ts';
import type { RouteCompileDeps } from '../../config.ts';
import type { Metadata } from '../../settings.ts';

export interface ClusterCheck {
  readonly validateClusters: boolean;
  readonly deps: RouteCompileDeps;
}

/** Subset balancing reads the namespace envoy.lb alone. */
export function balancingMetadata(
  metadata: { readonly filterMetadata: { readonly [key: string]: Metadata } } | undefined,
): Metadata | null {
  return metadata?.filterMetadata['envoy.lb'] ?? null;
}

export function checkCluster(name: string, kind: string, scope: ClusterCheck, at: CompileContext): void {
  if (scope.validateClusters && scope.deps.clusterExists(name) === false)
    at.error(`route: unknown ${kind} '${name}'${didYouMean(name, scope.deps.clusterNames)}`);
}
