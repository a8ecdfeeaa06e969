/** The sections of `/config_dump` from the configuration's sources. Source: envoy.admin.v3.ConfigDump. */
import type { JsonObject } from '../admin/api.ts';
import { loadBootstrap } from '../config/bootstrap.ts';
import { renderMessage } from '../config/render-json.ts';
import type { ConfigRequest } from './load-config.ts';

type Rendered = { [key: string]: unknown };

const TYPE = 'type.googleapis.com/envoy.admin.v3.';

export function dumpConfig(request: ConfigRequest): readonly JsonObject[] {
  const { bootstrap } = loadBootstrap({
    path: request.path ?? undefined,
    yamlOverlay: request.yaml ?? undefined,
    allowUnknown: request.allowUnknown,
    allowUnsupported: true,
  });
  if (bootstrap === null) return [];
  const rendered = renderMessage(bootstrap) as Rendered;
  const statics = (rendered['static_resources'] ?? {}) as { clusters?: Rendered[]; listeners?: Rendered[] };
  const clusters = statics.clusters ?? [];
  const listeners = statics.listeners ?? [];
  return [
    { '@type': TYPE + 'BootstrapConfigDump', bootstrap: rendered },
    {
      '@type': TYPE + 'ClustersConfigDump',
      static_clusters: clusters.map((cluster) => ({
        cluster: { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', ...cluster },
      })),
    },
    {
      '@type': TYPE + 'ListenersConfigDump',
      static_listeners: listeners.map((listener) => ({
        listener: { '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', ...listener },
      })),
    },
    { '@type': TYPE + 'ScopedRoutesConfigDump' },
    {
      '@type': TYPE + 'RoutesConfigDump',
      static_route_configs: listeners.flatMap(routeConfigs).map((config) => ({ route_config: config })),
    },
    { '@type': TYPE + 'SecretsConfigDump' },
  ];
}

/** Inline route configurations of a listener, wherever its filter chains hold them. */
function routeConfigs(listener: Rendered): Rendered[] {
  const chains = [
    ...((listener['filter_chains'] ?? []) as Rendered[]),
    ...(listener['default_filter_chain'] === undefined ? [] : [listener['default_filter_chain'] as Rendered]),
  ];
  return chains
    .flatMap((chain) => (chain['filters'] ?? []) as { typed_config?: { route_config?: Rendered } }[])
    .map((filter) => filter.typed_config?.route_config)
    .filter((config) => config !== undefined)
    .map((config) => ({ '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration', ...config }));
}
