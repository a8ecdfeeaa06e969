/** Control side: turns a checked bootstrap into plain settings, each part by the `config.ts` of its area. Everything wrong is reported, nothing is applied. */
import type { Message } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { compileAccessLog, plainFileLog } from '../access-log/config.ts';
import { type AccessLogSettings, isServiceSink } from '../access-log/settings.ts';
import { CatalogBuilder } from '../cluster/catalog.ts';
import { compileCluster } from '../cluster/config.ts';
import { compileAssignmentPolicy, compileLoadAssignment, compileResolver, isKnownClusterType } from '../cluster/discovery/config.ts';
import type { ClusterSettings } from '../cluster/settings.ts';
import { anyTypeName, type CompileContext } from '../config/context.ts';
import type { AccessLog } from '../config/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { Bootstrap } from '../config/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import type { Cluster } from '../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import { SocketAddress_Protocol } from '../config/gen/envoy/config/core/v3/address_pb.js';
import type { ConfigSource } from '../config/gen/envoy/config/core/v3/config_source_pb.js';
import type { ClusterLoadAssignment } from '../config/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { Listener } from '../config/gen/envoy/config/listener/v3/listener_pb.js';
import type { RouteConfiguration } from '../config/gen/envoy/config/route/v3/route_pb.js';
import type {
  Rds,
  ScopedRoutes,
} from '../config/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Secret } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { didYouMean } from '../config/suggest.ts';
import type { HcmCompilers } from '../filters/network/http-connection-manager/config.ts';
import { compileStringMatcher, durationMs } from '../http/config.ts';
import { compileListenAddress, compileListener } from '../listener/config.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import { compileClusterPolicies } from '../route/cluster-policies/config.ts';
import { compileRouteConfiguration, type RouteCompileDeps } from '../route/config.ts';
import { compileScopedRoutes } from '../route/scoped/config.ts';
import type { ScopedRoutesSettings } from '../route/scoped/scoped-routes.ts';
import type { RouteTableSettings } from '../route/settings.ts';
import { compileStatsConfig } from '../stats/config.ts';
import { wantsValues } from '../stats/sinks/settings.ts';
import { compileSecret, type Secrets } from '../tls/config.ts';
import type { SecretSettings, WatchedSecretSettings } from '../tls/secrets.ts';
import { compileDefaultTracer } from '../tracing/config.ts';
import type { TracerSettings } from '../tracing/settings.ts';
import type {
  AdminSettings,
  CompiledConfig,
  DynamicSettings,
  EndpointsSettings,
  FileSourceSettings,
  RdsSourceSettings,
  SdsSourceSettings,
} from './compiled.ts';
import {
  HTTP_FILTERS,
  type HttpExtension,
  LISTENER_FILTERS,
  type ListenerExtension,
  NETWORK_FILTERS,
  type NetworkExtension,
} from './extensions.ts';
import { compileNode } from './node-config.ts';
import { compileOverloadManager } from './overload/config.ts';
import { compileRuntimeLayers } from './runtime-config.ts';
import { compileStatsSinks } from './stats-sinks/config.ts';

export interface CompileFlags {
  readonly strictHttp1: boolean;
  readonly serviceNode: string;
  readonly serviceCluster: string;
  readonly serviceZone: string;
}

/** What compilers of network filters get beside their message. */
export interface NetworkCompilers extends HcmCompilers {}

/** An extension with its compilers loaded. */
interface Loaded<E> {
  readonly extension: E;
  readonly compile: (message: Message, at: CompileContext, compilers: NetworkCompilers) => unknown;
  readonly compileRoute: ((message: Message, at: CompileContext) => unknown) | null;
}

interface MutableDynamic {
  lds: FileSourceSettings | null;
  cds: FileSourceSettings | null;
  rds: Record<string, RdsSourceSettings>;
  eds: Record<string, FileSourceSettings>;
  sds: Record<string, SdsSourceSettings>;
  watched: Record<string, WatchedSecretSettings>;
}

export class Compiler implements NetworkCompilers {
  readonly strictHttp1: boolean;
  /** Of the bootstrap. */
  tracer: TracerSettings | null = null;
  readonly #flags: CompileFlags;
  readonly #http = new Map<string, Loaded<HttpExtension>>();
  readonly #network = new Map<string, Loaded<NetworkExtension>>();
  readonly #listener = new Map<string, Loaded<ListenerExtension>>();
  readonly #clusterNames = new Set<string>();
  readonly #staticSecrets = new Map<string, Secret>();
  readonly #secrets: Secrets = {
    named: this.#staticSecrets,
    mayCome: false,
    subscribe: (name, holds, source, at) => {
      const file = fileSource(source, at);
      if (file !== null) this.#dynamic.sds[name] = { ...file, holds };
    },
    watch: (files) => {
      this.#dynamic.watched[files.secret.name] = files;
    },
  };
  readonly #dynamic: MutableDynamic = { lds: null, cds: null, rds: {}, eds: {}, sds: {}, watched: {} };
  #clustersMayCome = false;

  private constructor(flags: CompileFlags) {
    this.#flags = flags;
    this.strictHttp1 = flags.strictHttp1;
  }

  /** Loads the compilers of the extensions that are named. @param types of messages, see `namedTypes` */
  static async load(flags: CompileFlags, types: ReadonlySet<string>): Promise<Compiler> {
    const compiler = new Compiler(flags);
    const named = ({ type }: { readonly type: string }) => types.has(type);
    await Promise.all([
      ...HTTP_FILTERS.filter((extension) => named(extension) || types.has(extension.routeType ?? '')).map(async (extension) => {
        const [compile, compileRoute] = await Promise.all([extension.config(), extension.routeConfig?.() ?? null]);
        compiler.#http.set(extension.type, { extension, compile, compileRoute });
      }),
      ...NETWORK_FILTERS.filter(named).map(async (extension) => {
        compiler.#network.set(extension.type, { extension, compile: await extension.config(), compileRoute: null });
      }),
      ...LISTENER_FILTERS.filter(named).map(async (extension) => {
        compiler.#listener.set(extension.type, { extension, compile: await extension.config(), compileRoute: null });
      }),
    ]);
    return compiler;
  }

  /** Subscriptions that what was compiled so far names. */
  get dynamic(): DynamicSettings {
    return this.#dynamic;
  }

  /** Resources of a discovery service: clusters that they name may come later. */
  forDynamicResources(): void {
    this.#clustersMayCome = true;
    this.#secrets.mayCome = true;
  }

  bootstrap(message: Bootstrap, at: CompileContext): CompiledConfig {
    const resources = message.staticResources;
    const statics = at.field('static_resources');
    const dynamic = message.dynamicResources;
    this.#dynamic.lds = fileSource(dynamic?.ldsConfig, at.field('dynamic_resources').field('lds_config'));
    this.#dynamic.cds = fileSource(dynamic?.cdsConfig, at.field('dynamic_resources').field('cds_config'));
    this.#clustersMayCome = this.#dynamic.cds !== null;
    this.tracer = compileDefaultTracer(message.tracing, at.field('tracing'));

    const secrets: SecretSettings[] = [];
    for (const [i, secret] of (resources?.secrets ?? []).entries()) {
      const settings = compileSecret(secret, statics.field('secrets', i));
      if (settings !== null) secrets.push(settings);
      if (this.#staticSecrets.has(secret.name)) statics.field('secrets', i).field('name').error(`duplicate static secret '${secret.name}'`);
      this.#staticSecrets.set(secret.name, secret);
    }
    // Names first: routes are checked against all of them.
    for (const [i, cluster] of (resources?.clusters ?? []).entries()) {
      if (this.#clusterNames.has(cluster.name))
        statics.field('clusters', i).field('name').error(`cluster '${cluster.name}' is defined twice`);
      this.#clusterNames.add(cluster.name);
    }
    // Packed one by one: thousands of clusters never are objects all at once.
    const catalog = new CatalogBuilder();
    for (const [i, cluster] of (resources?.clusters ?? []).entries()) {
      const settings = this.cluster(cluster, statics.field('clusters', i));
      if (settings !== null) catalog.add(settings);
    }
    const listeners = this.#listeners(resources?.listeners ?? [], statics);
    const localClusterName = message.clusterManager?.localClusterName ?? '';
    if (localClusterName !== '' && !this.#clusterNames.has(localClusterName)) {
      at.field('cluster_manager')
        .field('local_cluster_name')
        .error(`local cluster '${localClusterName}' must be defined${didYouMean(localClusterName, this.#clusterNames)}`);
    }
    for (const [i, cluster] of (resources?.clusters ?? []).entries()) {
      if (cluster.name !== localClusterName || cluster.name === '') continue;
      for (const [k, locality] of (cluster.loadAssignment?.endpoints ?? []).entries()) {
        if (locality.priority === 0) continue;
        const here = statics.field('clusters', i).field('load_assignment').field('endpoints', k).field('priority');
        here.error(`Unexpected non-zero priority for local cluster '${localClusterName}'.`);
      }
    }
    const node = compileNode(message.node, this.#flags);
    const statsSinks = compileStatsSinks(message.statsSinks, at, { node, clusterExists: (name) => this.clusterExists(name) });
    return {
      node,
      admin: this.#admin(message, at),
      listeners,
      clusters: { block: catalog.finish(), nextId: catalog.nextId },
      runtimeLayers: compileRuntimeLayers(message.layeredRuntime, at.field('layered_runtime')),
      statsFlushIntervalMs: durationMs(message.statsFlushInterval) ?? 5000,
      statsFlushOnAdmin: message.statsFlush.case === 'statsFlushOnAdmin',
      stats: { ...compileStatsConfig(message.statsConfig, at.field('stats_config')), recordValues: statsSinks.some(wantsValues) },
      statsSinks,
      tracer: this.tracer,
      dynamic: this.#dynamic as DynamicSettings,
      secrets,
      resolver: compileResolver(message, [], at),
      overload: compileOverloadManager(message.overloadManager, at.field('overload_manager')),
      localClusterName,
      outlierEventLogPath: message.clusterManager?.outlierDetection?.eventLogPath ?? '',
    };
  }

  cluster(message: Cluster, at: CompileContext): ClusterSettings | null {
    if (message.clusterDiscoveryType.case === 'clusterType' && !isKnownClusterType(message)) {
      // What else it says is for that extension to understand.
      at.unsupported('cluster_type');
      return null;
    }
    const eds = message.edsClusterConfig;
    if (eds !== undefined) {
      const source = fileSource(eds.edsConfig, at.field('eds_cluster_config').field('eds_config'));
      if (source !== null) this.#dynamic.eds[eds.serviceName === '' ? message.name : eds.serviceName] = source;
    }
    const requestPolicies = compileClusterPolicies(message, at);
    return { ...compileCluster(message, at, this.#secrets), requestPolicies };
  }

  listener(message: Listener, at: CompileContext): ListenerSettings | null {
    const other = otherListener(message);
    if (other !== null) {
      at.unsupported(other);
      return null;
    }
    return compileListener(message, at.anchored(`listener ${message.name}`), {
      networkFilter: (any, here) => this.#networkFilter(any, here),
      listenerFilter: (any, here) => this.#compileKnown(this.#listener, 'listener filter', any, here),
      accessLog: (log, here) => compileAccessLog(log, here),
      secrets: this.#secrets,
    });
  }

  /** @param filterNames of the chain that the routes belong to; null for RDS, where it is not known */
  routes(message: RouteConfiguration, filterNames: readonly string[] | null, at: CompileContext): RouteTableSettings {
    const here = filterNames === null ? at.anchored(`routes ${message.name}`) : at;
    return compileRouteConfiguration(message, here, this.#routeDeps(filterNames));
  }

  scopedRoutes(message: ScopedRoutes, filterNames: readonly string[], at: CompileContext): ScopedRoutesSettings {
    return compileScopedRoutes(message, at, this.#routeDeps(filterNames));
  }

  clusterExists(name: string): boolean | null {
    return this.#clusterNames.has(name) ? true : this.#clustersMayCome ? null : false;
  }

  #routeDeps(filterNames: readonly string[] | null): RouteCompileDeps {
    return {
      perFilterConfig: (name, any, here) => this.#perFilterConfig(name, any, here),
      httpFilterNames: filterNames,
      clusterExists: (name) => this.clusterExists(name),
      clusterNames: this.#clusterNames,
      validateClustersByDefault: filterNames !== null,
    };
  }

  endpoints(message: ClusterLoadAssignment, at: CompileContext): EndpointsSettings {
    const staleAfterMs = durationMs(message.policy?.endpointStaleAfter) ?? 0;
    return { localities: compileLoadAssignment(message, 'EDS', at), staleAfterMs, ...compileAssignmentPolicy(message, at) };
  }

  secret(message: Secret, at: CompileContext): SecretSettings | null {
    return compileSecret(message, at);
  }

  rds(message: Rds, statPrefix: string, at: CompileContext): void {
    const source = fileSource(message.configSource, at.field('config_source'));
    if (source !== null) this.#dynamic.rds[message.routeConfigName] = { ...source, statPrefix };
  }

  httpFilter(any: Any, at: CompileContext): { type: string; settings: unknown; terminal: boolean } | null {
    const result = this.#compileKnown(this.#http, 'HTTP filter', any, at);
    return result === null ? null : { type: result.extension.type, settings: result.settings, terminal: result.extension.terminal };
  }

  accessLog: HcmCompilers['accessLog'] = (message, at) => compileAccessLog(message, at);

  #compileKnown<E extends { readonly type: string }>(
    table: ReadonlyMap<string, Loaded<E>>,
    kind: string,
    any: Any,
    at: CompileContext,
  ): { extension: E; type: string; settings: unknown } | null {
    const typeName = anyTypeName(any);
    const loaded = table.get(typeName);
    if (loaded === undefined) {
      if (typeName === '') at.error('missing "@type"');
      else at.notImplemented(`${kind} ${typeName} is not supported by Outrider yet`);
      return null;
    }
    const message = at.unpack(any);
    if (message === null) return null;
    return { extension: loaded.extension, type: typeName, settings: loaded.compile(message, at, this) };
  }

  #networkFilter(any: Any, at: CompileContext): { name: string; type: string; settings: unknown; terminal: boolean } | null {
    const result = this.#compileKnown(this.#network, 'network filter', any, at);
    return result === null
      ? null
      : { name: result.extension.name, type: result.type, settings: result.settings, terminal: result.extension.terminal };
  }

  #perFilterConfig(_name: string, any: Any, at: CompileContext): unknown {
    const typeName = anyTypeName(any);
    for (const loaded of this.#http.values()) {
      if (loaded.compileRoute === null || (loaded.extension.routeType || loaded.extension.type) !== typeName) continue;
      const message = at.unpack(any);
      return message === null ? null : loaded.compileRoute(message, at);
    }
    at.notImplemented(`per-filter configuration ${typeName} is not supported by Outrider yet`);
    return null;
  }

  #listeners(messages: readonly Listener[], statics: CompileContext): ListenerSettings[] {
    const addresses = new Map<string, string>();
    const listeners: ListenerSettings[] = [];
    messages.forEach((message, i) => {
      const at = statics.field('listeners', i);
      const listener = this.listener(message, at);
      if (listener === null) return;
      for (const address of listener.bindToPort ? listener.addresses : []) {
        const text = address.kind === 'pipe' ? address.path : `${address.ip}:${address.port}`;
        if (address.kind === 'ip' && address.port === 0) continue;
        const other = addresses.get(text);
        if (other !== undefined)
          at.field('address').error(
            `error adding listener: '${listener.name}' has duplicate address '${text}' as existing listener '${other}'`,
          );
        addresses.set(text, listener.name);
      }
      listeners.push(listener);
    });
    return listeners;
  }

  /** The admin interface has no clusters: its logs are files. */
  #adminLog(message: AccessLog, at: CompileContext): AccessLogSettings | null {
    const log = compileAccessLog(message, at);
    if (log === null || !isServiceSink(log.sink)) return log;
    at.notImplemented('access-log services are not supported for the admin interface');
    return null;
  }

  #admin(message: Bootstrap, at: CompileContext): AdminSettings | null {
    const admin = message.admin;
    if (admin?.address === undefined) return null;
    const here = at.field('admin');
    const address = compileListenAddress(admin.address, here.field('address'));
    if (address === null) return null;
    return {
      address,
      profilePath: admin.profilePath === '' ? '/var/log/envoy/envoy.prof' : admin.profilePath,
      accessLogs: [
        ...admin.accessLog.map((log, i) => this.#adminLog(log, here.field('access_log', i))).filter((log) => log !== null),
        ...(admin.accessLogPath === '' ? [] : [plainFileLog(admin.accessLogPath)]),
      ],
      allowPaths: admin.allowPaths.map((matcher, i) => compileStringMatcher(matcher, here.field('allow_paths', i))),
    };
  }
}

/** The field that makes it a listener of another kind than TCP: nothing of it can be kept. */
function otherListener(message: Listener): string | null {
  if (message.udpListenerConfig !== undefined) return 'udp_listener_config';
  if (message.apiListener !== undefined) return 'api_listener';
  if (message.listenerSpecifier.case === 'internalListener') return 'internal_listener';
  const address = message.address?.address;
  return address?.case === 'socketAddress' && address.value.protocol === SocketAddress_Protocol.UDP ? 'address' : null;
}

/** Only files so far: ADS and API sources are a later capability, refused with their place. */
function fileSource(source: ConfigSource | undefined, at: CompileContext): FileSourceSettings | null {
  if (source === undefined) return null;
  const specifier = source.configSourceSpecifier;
  const initialFetchTimeoutMs = durationMs(source.initialFetchTimeout) ?? 15_000;
  if (specifier.case === 'pathConfigSource') {
    const { path, watchedDirectory } = specifier.value;
    return { path, watchedDirectory: watchedDirectory?.path ?? '', initialFetchTimeoutMs };
  }
  if (specifier.case === 'path') return { path: specifier.value, watchedDirectory: '', initialFetchTimeoutMs };
  if (specifier.case === undefined) at.error('a configuration source is needed');
  else at.notImplemented('only path_config_source is supported by Outrider yet');
  return null;
}
