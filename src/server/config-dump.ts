/** The sections of `/config_dump` from the configuration's sources. Source: envoy.admin.v3.ConfigDump. */
import type { JsonObject } from '../admin/api.ts';
import { loadBootstrap } from '../config/bootstrap.ts';
import { renderMessage } from '../config/render-json.ts';
import { loadResourceFile } from '../config/resources.ts';
import type { ConfigRequest } from './load-config.ts';
import { RESOURCE_TYPES, type ResourceKind } from './load-resources.ts';

export interface DumpRequest {
  readonly request: ConfigRequest;
  /** Resource files in use. */
  readonly files: readonly { readonly kind: ResourceKind; readonly path: string; readonly version: string }[];
  readonly errors: readonly {
    readonly kind: ResourceKind;
    readonly name: string;
    readonly details: string;
    readonly lastUpdateAttemptMs: number;
  }[];
}

type Rendered = { [key: string]: unknown };

interface DynamicEntry {
  readonly name: string;
  readonly version: string;
  readonly resource: Rendered;
  readonly error: Rendered | null;
}

const ADMIN = 'type.googleapis.com/envoy.admin.v3.';
const API = 'type.googleapis.com/';

export function dumpConfig(dump: DumpRequest): readonly JsonObject[] {
  const { bootstrap } = loadBootstrap({
    path: dump.request.path ?? undefined,
    yamlOverlay: dump.request.yaml ?? undefined,
    allowUnknown: dump.request.allowUnknown,
    allowUnsupported: true,
  });
  if (bootstrap === null) return [];
  const rendered = renderMessage(bootstrap) as Rendered;
  const statics = (rendered['static_resources'] ?? {}) as { clusters?: Rendered[]; listeners?: Rendered[]; secrets?: Rendered[] };
  const listeners = statics.listeners ?? [];
  const dynamicListeners = dynamicEntries(dump, 'listeners');
  const inlineRoutes = [...listeners, ...dynamicListeners.map((entry) => entry.resource)].flatMap(routeConfigs);
  return [
    { '@type': ADMIN + 'BootstrapConfigDump', bootstrap: rendered },
    section('ClustersConfigDump', {
      static_clusters: (statics.clusters ?? []).map((cluster) => ({
        cluster: { '@type': API + 'envoy.config.cluster.v3.Cluster', ...cluster },
      })),
      dynamic_active_clusters: dynamicEntries(dump, 'clusters').map((entry) => ({
        version_info: entry.version,
        cluster: entry.resource,
        ...errorOf(entry),
      })),
    }),
    section('ListenersConfigDump', {
      static_listeners: listeners.map((listener) => ({ listener: { '@type': API + 'envoy.config.listener.v3.Listener', ...listener } })),
      dynamic_listeners: dynamicListeners.map((entry) => ({
        name: entry.name,
        ...(entry.error === null ? { active_state: { version_info: entry.version, listener: entry.resource } } : errorOf(entry)),
      })),
    }),
    { '@type': ADMIN + 'ScopedRoutesConfigDump' },
    section('RoutesConfigDump', {
      static_route_configs: inlineRoutes.map((config) => ({ route_config: config })),
      dynamic_route_configs: dynamicEntries(dump, 'routes').map((entry) => ({
        version_info: entry.version,
        route_config: entry.resource,
        ...errorOf(entry),
      })),
    }),
    section('SecretsConfigDump', {
      static_secrets: (statics.secrets ?? []).map((secret) => ({
        name: secret['name'],
        secret: { '@type': API + 'envoy.extensions.transport_sockets.tls.v3.Secret', ...secret },
      })),
      dynamic_active_secrets: dynamicEntries(dump, 'secrets').map((entry) => ({
        name: entry.name,
        version_info: entry.version,
        secret: entry.resource,
        ...errorOf(entry),
      })),
    }),
  ];
}

/** Lists that are empty are left out, as Envoy leaves out defaults. */
function section(type: string, lists: Readonly<Record<string, readonly unknown[]>>): JsonObject {
  return { '@type': ADMIN + type, ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)) };
}

function dynamicEntries(dump: DumpRequest, kind: ResourceKind): DynamicEntry[] {
  return dump.files
    .filter((file) => file.kind === kind)
    .flatMap((file) =>
      loadResourceFile(file.path, { allowUnsupported: true }).resources.map(({ name, message }) => {
        const failed = dump.errors.find((error) => error.kind === kind && error.name === name);
        // Of one that cannot be read its name is what there is to show.
        const resource: Rendered = {
          '@type': API + RESOURCE_TYPES[kind],
          ...(message === null ? { name } : (renderMessage(message) as Rendered)),
        };
        const error =
          failed === undefined
            ? null
            : {
                failed_configuration: resource,
                last_update_attempt: new Date(failed.lastUpdateAttemptMs).toISOString(),
                details: failed.details,
              };
        return { name, version: file.version, resource, error };
      }),
    );
}

function errorOf(entry: DynamicEntry): Rendered {
  return entry.error === null ? {} : { error_state: entry.error };
}

/** Inline route configurations of a listener, wherever its filter chains hold them. */
function routeConfigs(listener: Rendered): Rendered[] {
  const fallback = listener['default_filter_chain'] as Rendered | undefined;
  const chains = [...((listener['filter_chains'] ?? []) as Rendered[]), ...(fallback === undefined ? [] : [fallback])];
  return chains
    .flatMap((chain) => (chain['filters'] ?? []) as { typed_config?: { route_config?: Rendered } }[])
    .map((filter) => filter.typed_config?.route_config)
    .filter((config) => config !== undefined)
    .map((config) => ({ '@type': API + 'envoy.config.route.v3.RouteConfiguration', ...config }));
}
