/** Listeners, routes and the edges between them and clusters, as the configuration has them; and those that only traffic shows. */

import type { HcmSettings } from '../../filters/network/http-connection-manager/settings.ts';
import type { TcpProxySettings } from '../../filters/network/tcp-proxy/config.ts';
import type { ListenAddressSettings, ListenerSettings } from '../../listener/settings.ts';
import { matchText } from '../../route/match-text.ts';
import type { ActionSettings, RouteSettings, RouteTableSettings } from '../../route/settings.ts';
import type { EdgePart, ListenerPart, RoutePart } from '../snapshot.ts';
import type { PageSource } from '../source.ts';
import { Latencies } from '../worker/latency-bins.ts';
import type { RouteIdentity } from '../worker/route-identity.ts';

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const TCP_PROXY = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
/** Routes that are shown without having seen traffic; a mesh may have tens of thousands. */
const MAX_ROUTES = 5000;

/** Requests of one node or edge in this second. */
export class Traffic {
  requests = 0;
  failures = 0;
  readonly latencies = new Latencies();

  clear(): void {
    this.requests = 0;
    this.failures = 0;
    this.latencies.clear();
  }
}

export interface ListenerNode {
  part: ListenerPart;
  readonly traffic: Traffic;
  /** Tokens under "listener." in statistics. Of port 0 the first worker knows only that, the others the port that it became. */
  statNames: readonly string[];
  /** stat_prefixes of its connection managers and TCP proxies. */
  httpPrefixes: readonly string[];
  tcpPrefixes: readonly string[];
}

export interface RouteNode {
  part: RoutePart;
}

export interface EdgeNode {
  readonly part: EdgePart;
  readonly traffic: Traffic;
  /** TCP: the proxy's stat_prefix, and the share of its connections that goes this way; null = HTTP. */
  readonly tcp: { readonly prefix: string; readonly share: number } | null;
}

export class Topology {
  readonly #source: PageSource;
  readonly #nextId: () => number;
  readonly #clusterId: (name: string) => number | null;
  readonly listeners = new Map<string, ListenerNode>();
  readonly routes = new Map<string, RouteNode>();
  readonly edges = new Map<string, EdgeNode>();
  /** By what a node is; those of the configuration before are remembered for what comes back. */
  #ids = new Map<string, number>();
  #idsBefore = new Map<string, number>();
  /** Another one after each refresh: what was found by name must be found again. */
  generation = 0;
  /** Something has come or gone since it was last set to false. */
  changed = true;

  /** @param clusterId null = there is no such cluster */
  constructor(source: PageSource, nextId: () => number, clusterId: (name: string) => number | null) {
    this.#source = source;
    this.#nextId = nextId;
    this.#clusterId = clusterId;
  }

  /** From the configuration of now. What only traffic has shown comes back with traffic. */
  refresh(): void {
    this.#idsBefore = this.#ids;
    this.#ids = new Map();
    this.listeners.clear();
    this.routes.clear();
    this.edges.clear();
    this.generation++;
    this.changed = true;
    for (const settings of this.#source.listeners()) this.#addListener(settings);
  }

  route(identity: RouteIdentity): RouteNode {
    const { routeConfiguration, virtualHost, name, match, action } = identity;
    const key = JSON.stringify([routeConfiguration, virtualHost, identity.index < 0 ? match : identity.index]);
    return this.#route(key, { kind: 'http', routeConfiguration, virtualHost, name, match, action });
  }

  /** @param from @param to ids of nodes */
  edge(from: number, to: number, shadow = false, tcp: EdgeNode['tcp'] = null): EdgeNode {
    const key = `${from} ${to}${shadow ? ' shadow' : ''}`;
    let node = this.edges.get(key);
    if (node === undefined) {
      node = { part: { id: this.#idOf('edge ' + key), from, to, shadow }, traffic: new Traffic(), tcp };
      this.edges.set(key, node);
      this.changed = true;
    }
    return node;
  }

  #route(key: string, part: Omit<RoutePart, 'id'>): RouteNode {
    let node = this.routes.get(key);
    if (node === undefined) {
      node = { part: { id: this.#idOf('route ' + key), ...part } };
      this.routes.set(key, node);
      this.changed = true;
    }
    return node;
  }

  #idOf(key: string): number {
    const id = this.#ids.get(key) ?? this.#idsBefore.get(key) ?? this.#nextId();
    this.#ids.set(key, id);
    return id;
  }

  #addListener(settings: ListenerSettings): void {
    const { name, statPrefix } = settings;
    const bound = this.#source.addressesOf(name);
    const addresses = bound.length > 0 ? bound : settings.addresses.map(configuredAddress);
    const chains = settings.defaultFilterChain === null ? settings.filterChains : [...settings.filterChains, settings.defaultFilterChain];
    const part: ListenerPart = {
      id: this.#idOf('listener ' + name),
      name,
      addresses,
      direction: settings.trafficDirection === 1 ? 'inbound' : settings.trafficDirection === 2 ? 'outbound' : 'unspecified',
      tls: chains.some((chain) => chain.tls !== null),
    };
    const httpPrefixes = new Set<string>();
    const tcpPrefixes = new Set<string>();
    for (const { filters } of chains) {
      for (const { type, settings: filter } of filters) {
        if (type === HCM) {
          httpPrefixes.add((filter as HcmSettings).statPrefix);
          for (const table of this.#tables(filter as HcmSettings)) this.#addRoutes(part.id, table);
        } else if (type === TCP_PROXY) {
          tcpPrefixes.add((filter as TcpProxySettings).statPrefix);
          this.#addTcp(name, part.id, filter as TcpProxySettings);
        }
      }
    }
    const statNames = new Set(
      statPrefix === '' ? [...addresses.slice(0, 1), ...settings.addresses.slice(0, 1).map(configuredAddress)] : [statPrefix],
    );
    this.listeners.set(name, {
      part,
      traffic: new Traffic(),
      statNames: [...statNames].map((text) => text.replaceAll(':', '_')),
      httpPrefixes: [...httpPrefixes],
      tcpPrefixes: [...tcpPrefixes],
    });
  }

  #tables({ routeConfig, rdsRouteConfigName }: HcmSettings): readonly RouteTableSettings[] {
    if (routeConfig === null) {
      const table = this.#source.routeTable(rdsRouteConfigName);
      return table === null ? [] : [table];
    }
    return 'kind' in routeConfig ? routeConfig.scopes.map(({ routes }) => routes) : [routeConfig];
  }

  #addRoutes(listener: number, table: RouteTableSettings): void {
    for (const host of table.virtualHosts) {
      for (const [index, settings] of host.routes.entries()) {
        if (this.routes.size >= MAX_ROUTES) return;
        const { id } = this.route({
          routeConfiguration: table.name,
          virtualHost: host.name,
          index,
          name: settings.name,
          match: matchText(settings.match),
          action: settings.action.kind,
        }).part;
        this.edge(listener, id);
        this.#leadTo(id, settings);
      }
    }
  }

  #leadTo(route: number, { action }: RouteSettings): void {
    if (action.kind !== 'forward') return;
    for (const name of clustersOf(action)) {
      const cluster = this.#clusterId(name);
      if (cluster !== null) this.edge(route, cluster);
    }
    for (const mirror of action.mirrors) {
      const cluster = this.#clusterId(mirror.cluster);
      if (cluster !== null) this.edge(route, cluster, true);
    }
  }

  #addTcp(listenerName: string, listener: number, settings: TcpProxySettings): void {
    const { statPrefix: prefix, cluster, weightedClusters } = settings;
    const part = { kind: 'tcp', routeConfiguration: '', virtualHost: '', name: prefix, match: '', action: 'tcp' } as const;
    const { id } = this.#route(JSON.stringify(['tcp', listenerName, prefix]), part).part;
    this.edge(listener, id, false, { prefix, share: 1 });
    const total = weightedClusters.reduce((sum, { weight }) => sum + weight, 0);
    for (const { name, weight } of cluster === '' ? weightedClusters : [{ name: cluster, weight: 1 }]) {
      const to = this.#clusterId(name);
      if (to !== null) this.edge(id, to, false, { prefix, share: total === 0 ? 1 : weight / total });
    }
  }
}

function clustersOf({ cluster }: Extract<ActionSettings, { kind: 'forward' }>): readonly string[] {
  if (cluster.kind === 'name') return [cluster.name];
  if (cluster.kind === 'weighted') return cluster.entries.map(({ name }) => name);
  return cluster.kind === 'matched' ? cluster.clusters : [];
}

function configuredAddress(address: ListenAddressSettings): string {
  if (address.kind === 'pipe') return address.path;
  return address.ip.includes(':') ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`;
}
