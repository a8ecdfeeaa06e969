/** Compiles route configurations from YAML and asks them for routes, without sockets. */
import type { CompileContext } from '../../src/config/context.ts';
import type { RouteConfiguration } from '../../src/config/gen/envoy/config/route/v3/route_pb.js';
import { loadMessage } from '../../src/config/load-message.ts';
import type { FormatEnvironment } from '../../src/http/format/operator.ts';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { type ConnectionInfo, StreamInfo } from '../../src/http/stream-info.ts';
import { ipAddress } from '../../src/net/address.ts';
import { compileRouteConfiguration, type RouteCompileDeps } from '../../src/route/config.ts';
import type { Route } from '../../src/route/route.ts';
import { buildRouteTable, type MatchingRouteTable } from '../../src/route/route-table.ts';
import type { RouteTableSettings } from '../../src/route/settings.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';

export function formatEnvironment(variables: Readonly<Record<string, string>> = {}): FormatEnvironment {
  return { clock: new SimulatedClock(), random: seededRandom(1), hostname: 'node-7', variable: (name) => variables[name] };
}

export interface CompiledRoutes {
  readonly settings: RouteTableSettings;
  /** `E path: message` and `W path: message`. */
  readonly problems: readonly string[];
}

const DEPS: RouteCompileDeps = {
  perFilterConfig: (_name, any) => ({ type: any.typeUrl }),
  httpFilterNames: ['router', 'fault'],
  clusterExists: () => true,
  clusterNames: ['web', 'api'],
};

/** @param yaml of an envoy.config.route.v3.RouteConfiguration */
export function compileRoutes(yaml: string, deps: Partial<RouteCompileDeps> = {}): CompiledRoutes {
  const loaded = loadMessage<RouteConfiguration>('envoy.config.route.v3.RouteConfiguration', { yamlOverlay: yaml, allowUnsupported: true });
  const at: CompileContext = loaded.context;
  if (loaded.partial === null) throw new Error(loaded.problems.map((p) => p.message).join('\n'));
  const settings = compileRouteConfiguration(loaded.partial, at, { ...DEPS, ...deps });
  return { settings, problems: at.list.problems.map((p) => `${p.severity === 'error' ? 'E' : 'W'} ${p.path}: ${p.message}`) };
}

/** Settings cross to a worker by structured cloning, and so they do here. @throws on errors */
export function routeTable(yaml: string, runtime: Readonly<Record<string, string>> = {}): MatchingRouteTable {
  const { settings, problems } = compileRoutes(yaml);
  const errors = problems.filter((p) => p.startsWith('E'));
  if (errors.length > 0) throw new Error(errors.join('\n'));
  const deps = { runtime: new StaticRuntime(new Map(Object.entries(runtime))), format: formatEnvironment() };
  return buildRouteTable(structuredClone(settings), deps);
}

/** One virtual host for all domains; `routes` is YAML list text. */
export function routesOnly(routes: string, more = ''): string {
  return `name: r\nvirtual_hosts:\n- name: v\n  domains: ["*"]\n  routes:\n${routes.replace(/^/gm, '  ')}\n${more}`;
}

/** `GET http://host/path`, with headers as "name: value". */
export function request(line: string, ...headers: string[]): RequestHeaders {
  const [method = 'GET', url = ''] = line.split(' ');
  const [, scheme = 'http', authority = '', path = ''] = /^(\w+):\/\/([^/?#]*)(.*)$/.exec(url) ?? [];
  const made = new RequestHeaders(method, path, authority, scheme);
  made.add('x-forwarded-proto', scheme);
  for (const header of headers) {
    const colon = header.indexOf(': ', 1);
    if (header.startsWith('x-forwarded-proto')) made.set('x-forwarded-proto', header.slice(colon + 2));
    else made.add(header.slice(0, colon), header.slice(colon + 2));
  }
  return made;
}

export function connectionInfo(): ConnectionInfo {
  return {
    id: 7,
    localAddress: ipAddress('10.0.0.1', 8080),
    remoteAddress: ipAddress('10.0.0.2', 40000),
    directLocalAddress: ipAddress('10.0.0.1', 15001),
    directRemoteAddress: ipAddress('10.0.0.3', 40001),
    requestedServerName: '',
    transportProtocol: 'raw_buffer',
    applicationProtocols: [],
    filterChainName: '',
    listenerName: 'l',
    trafficDirection: 0,
    localAddressRestored: false,
    tls: null,
    transportFailureReason: '',
    upstreamSource: null,
    proxyTlvs: null,
  };
}

export function streamInfo(headers: RequestHeaders | null = null): StreamInfo {
  const info = new StreamInfo(connectionInfo(), 0, 1_700_000_000_123, 5);
  info.requestHeaders = headers;
  return info;
}

export function matchRoute(table: MatchingRouteTable, headers: RequestHeaders, random = 5): Route | null {
  return table.match(headers, streamInfo(headers), random);
}

/** Where a request goes: the cluster, the status of a direct answer, or "none". */
export function destination(table: MatchingRouteTable, headers: RequestHeaders, random = 5): string {
  const route = matchRoute(table, headers, random);
  if (route === null) return 'none';
  return route.direct === null ? (route.action?.clusterName(headers, streamInfo(headers)) ?? 'nothing') : String(route.direct.status);
}
