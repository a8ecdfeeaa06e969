/** The sections of `/config_dump` from the configuration's sources. Source: envoy.admin.v3.ConfigDump. */
import { fromBinary } from '@bufbuild/protobuf';
import type { JsonObject } from '../admin/api.ts';
import { messageType } from '../config/api-registry.ts';
import { loadBootstrap } from '../config/bootstrap.ts';
import { renderMessage } from '../config/render-json.ts';
import type { ConfigRequest } from './load-config.ts';
import { RESOURCE_TYPES, type ResourceKind } from './load-resources.ts';
import type { DynamicDump, RefusedResource } from './resource-book.ts';

export interface DumpRequest {
  readonly request: ConfigRequest;
  readonly dynamic: DynamicDump;
  /** When the bootstrap was read. */
  readonly loadedMs: number;
}

type Rendered = { [key: string]: unknown };

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
  const { inForce, refused, versions } = dump.dynamic;
  const of = (kind: ResourceKind) => inForce.filter((resource) => resource.kind === kind);
  const loaded = { last_updated: isoTime(dump.loadedMs) };
  const dynamicListeners = of('listeners').map((listener) => ({ ...listener, rendered: renderEncoded('listeners', listener.encoded) }));
  const inlineRoutes = [
    ...listeners.flatMap((listener) => routeConfigs(listener, loaded)),
    ...dynamicListeners.flatMap((listener) => routeConfigs(listener.rendered, { last_updated: isoTime(listener.updatedMs) })),
  ];
  return [
    { '@type': ADMIN + 'BootstrapConfigDump', bootstrap: rendered, ...loaded },
    section('ClustersConfigDump', versions.clusters, {
      static_clusters: (statics.clusters ?? []).map((cluster) => ({
        cluster: { '@type': API + 'envoy.config.cluster.v3.Cluster', ...cluster },
        ...loaded,
      })),
      dynamic_active_clusters: entries('clusters', 'cluster', dump.dynamic),
    }),
    section('ListenersConfigDump', versions.listeners, {
      static_listeners: listeners.map((listener) => ({
        listener: { '@type': API + 'envoy.config.listener.v3.Listener', ...listener },
        ...loaded,
      })),
      dynamic_listeners: [
        ...dynamicListeners.map(({ name, version, updatedMs, rendered }) => ({
          name,
          active_state: { version_info: version, listener: rendered, last_updated: isoTime(updatedMs) },
          ...errorOf('listeners', name, refused),
        })),
        ...neverInForce('listeners', dump.dynamic).map((error) => ({ name: error.name, error_state: errorState(error) })),
      ],
    }),
    { '@type': ADMIN + 'ScopedRoutesConfigDump' },
    section('RoutesConfigDump', undefined, {
      static_route_configs: inlineRoutes,
      dynamic_route_configs: entries('routes', 'route_config', dump.dynamic),
    }),
    section('SecretsConfigDump', undefined, {
      static_secrets: (statics.secrets ?? []).map((secret) => ({
        ...{ name: secret['name'], ...loaded },
        secret: { '@type': API + 'envoy.extensions.transport_sockets.tls.v3.Secret', ...secret },
      })),
      dynamic_active_secrets: entries('secrets', 'secret', dump.dynamic, true),
    }),
  ];
}

/** What is in force, with what has been refused under its name beside; after them what has been refused and has no predecessor. */
function entries(kind: ResourceKind, field: string, { inForce, refused, versions }: DynamicDump, named = false): Rendered[] {
  return [
    ...inForce
      .filter((resource) => resource.kind === kind)
      .map(({ name, version, updatedMs, encoded }) => ({
        ...(named ? { name } : {}),
        ...{ version_info: version, [field]: renderEncoded(kind, encoded), last_updated: isoTime(updatedMs) },
        ...errorOf(kind, name, refused),
      })),
    ...neverInForce(kind, { inForce, refused, versions }).map((error) => ({
      ...(named ? { name: error.name } : {}),
      error_state: errorState(error),
    })),
  ];
}

function neverInForce(kind: ResourceKind, { inForce, refused }: DynamicDump): readonly RefusedResource[] {
  const names = new Set(inForce.filter((resource) => resource.kind === kind).map(({ name }) => name));
  return refused.filter((resource) => resource.kind === kind && !names.has(resource.name));
}

function errorOf(kind: ResourceKind, name: string, refused: readonly RefusedResource[]): Rendered {
  const error = refused.find((resource) => resource.kind === kind && resource.name === name);
  return error === undefined ? {} : { error_state: errorState(error) };
}

/** Source: envoy.admin.v3.UpdateFailureState. */
function errorState({ kind, name, encoded, details, lastUpdateAttemptMs }: RefusedResource): Rendered {
  return {
    // Of one that cannot be read its name is what there is to show.
    failed_configuration: encoded === null ? { '@type': API + RESOURCE_TYPES[kind], name } : renderEncoded(kind, encoded),
    last_update_attempt: isoTime(lastUpdateAttemptMs),
    details,
  };
}

function renderEncoded(kind: ResourceKind, encoded: Uint8Array): Rendered {
  const message = fromBinary(messageType(RESOURCE_TYPES[kind]), encoded);
  return { '@type': API + RESOURCE_TYPES[kind], ...(renderMessage(message) as Rendered) };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Lists that are empty are left out, as Envoy leaves out defaults. */
function section(type: string, version: string | undefined, lists: Readonly<Record<string, readonly unknown[]>>): JsonObject {
  const filled = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));
  return { '@type': ADMIN + type, ...(version === undefined || version === '' ? {} : { version_info: version }), ...filled };
}

/** Inline route configurations of a listener, wherever its filter chains hold them. */
function routeConfigs(listener: Rendered, updated: Rendered): Rendered[] {
  const fallback = listener['default_filter_chain'] as Rendered | undefined;
  const chains = [...((listener['filter_chains'] ?? []) as Rendered[]), ...(fallback === undefined ? [] : [fallback])];
  return chains
    .flatMap((chain) => (chain['filters'] ?? []) as { typed_config?: { route_config?: Rendered } }[])
    .map((filter) => filter.typed_config?.route_config)
    .filter((config) => config !== undefined)
    .map((config) => ({ route_config: { '@type': API + 'envoy.config.route.v3.RouteConfiguration', ...config }, ...updated }));
}
