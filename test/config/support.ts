/** Loads configuration text and gives its problems in short. */
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import type { Bootstrap } from '../../src/config/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import type { LoadOptions } from '../../src/config/load-message.ts';

export interface Loaded {
  readonly bootstrap: Bootstrap | null;
  /** `path: message`, each with its severity's first letter in front. */
  readonly problems: readonly string[];
}

export function load(yaml: string, options: LoadOptions = {}): Loaded {
  const { bootstrap, problems } = loadBootstrap({ yamlOverlay: yaml, ...options });
  return { bootstrap, problems: problems.map((p) => `${p.severity === 'error' ? 'E' : 'W'} ${p.path}: ${p.message}`) };
}

/** A bootstrap with one cluster; `fields` is YAML flow text appended to the cluster's own, as in `, lb_policy: RANDOM`. */
export function withCluster(fields: string): string {
  return `static_resources: {clusters: [{name: c, connect_timeout: 1s, load_assignment: {cluster_name: c}${fields}}]}\nnode: {id: a, cluster: b}\n`;
}

/** The cluster of `withCluster`, or the problems that kept it from loading. */
export function cluster(fields: string): unknown {
  const { bootstrap, problems } = load(withCluster(fields), { allowUnsupported: true });
  return bootstrap?.staticResources?.clusters[0] ?? problems;
}
