/** The bootstrap around a case's few lines of configuration. */
import { parse } from 'yaml';
import { slowed } from './patience.ts';
import type { Configuration } from './scenario.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const FILE_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';

/** Everything that is the same in both proxies whatever the time: most of what a log line can tell. */
export const LOG_FORMAT = [
  '%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL% %RESPONSE_CODE% flags=%RESPONSE_FLAGS% details=%RESPONSE_CODE_DETAILS%',
  'in=%BYTES_RECEIVED% out=%BYTES_SENT% cluster=%UPSTREAM_CLUSTER% host=%UPSTREAM_HOST% route=%ROUTE_NAME% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  'upstream-failure=%UPSTREAM_TRANSPORT_FAILURE_REASON% ended=%CONNECTION_TERMINATION_DETAILS%',
].join(' ');

export interface FrameInputs {
  readonly upstreams: readonly string[];
  /** Values of the `{{…}}` tokens. */
  readonly tokens: ReadonlyMap<string, string>;
}

export function fillTokens(text: string, tokens: ReadonlyMap<string, string>): string {
  return text.replace(/\{\{([\w-]+)\}\}/g, (whole, name: string) => tokens.get(name) ?? whole);
}

export function buildBootstrap(configuration: Configuration, inputs: FrameInputs): JsonObject {
  const read = (text: string): Json => parse(fillTokens(text, inputs.tokens), { merge: true }) as Json;
  const map = (text: string | undefined): JsonObject => (text === undefined ? {} : (read(text) as JsonObject));
  const list = (text: string | undefined): Json[] => (text === undefined ? [] : (read(text) as Json[]));

  const hcm = connectionManager(configuration, map, list);
  const tokens = new Map(inputs.tokens);
  tokens.set('hcm', JSON.stringify(hcm));
  const readWithHcm = (text: string): Json => parse(fillTokens(text, tokens), { merge: true }) as Json;

  const filters = configuration.networkFilters === undefined ? [hcm] : (readWithHcm(configuration.networkFilters) as Json[]);
  const listener: JsonObject = {
    name: 'main',
    address: { socket_address: { address: '127.0.0.1', port_value: Number(inputs.tokens.get('listener')) } },
    filter_chains: [{ filters }],
    ...(configuration.listener === undefined ? {} : (readWithHcm(configuration.listener) as JsonObject)),
  };
  const clusters = inputs.upstreams.map((name) =>
    merge(staticCluster(name, Number(inputs.tokens.get(name))), map(configuration.cluster?.[name])),
  );
  const bootstrap: JsonObject = {
    node: { id: 'node-1', cluster: 'service-1' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: Number(inputs.tokens.get('admin')) } } },
    static_resources: { listeners: [listener], clusters: [...clusters, ...list(configuration.clusters)] },
  };
  return inSlowMotion(
    merge(bootstrap, configuration.bootstrap === undefined ? {} : (readWithHcm(configuration.bootstrap) as JsonObject)),
  ) as JsonObject;
}

function connectionManager(
  configuration: Configuration,
  map: (text: string | undefined) => JsonObject,
  list: (text: string | undefined) => Json[],
): JsonObject {
  const virtualHosts =
    configuration.virtualHosts === undefined
      ? [{ name: 'all', domains: ['*'], routes: list(configuration.routes ?? '[{match: {prefix: /}, route: {cluster: a}}]') }]
      : list(configuration.virtualHosts);
  const settings: JsonObject = merge(
    {
      '@type': HCM,
      stat_prefix: 'ingress',
      delayed_close_timeout: '0.100s',
      route_config: merge({ name: 'local_route', virtual_hosts: virtualHosts }, map(configuration.routeConfig)),
      access_log: configuration.accessLog === undefined ? [fileLog(configuration.logFormat ?? LOG_FORMAT)] : list(configuration.accessLog),
      http_filters: [
        ...list(configuration.filters),
        { name: 'envoy.filters.http.router', typed_config: { '@type': ROUTER, ...map(configuration.router) } },
      ],
    },
    map(configuration.hcm),
  );
  const logs = settings['access_log'] as JsonObject[];
  fillLogPath(logs);
  return { name: 'envoy.filters.network.http_connection_manager', typed_config: settings };

  function fillLogPath(entries: JsonObject[]): void {
    const path = map('p: "{{log}}"')['p'] as string;
    for (const entry of entries) {
      const config = entry['typed_config'] as JsonObject;
      if (config['@type'] === FILE_LOG) config['path'] ??= path;
    }
  }
}

function fileLog(format: string): JsonObject {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: { '@type': FILE_LOG, log_format: { text_format_source: { inline_string: `${format}\n` } } },
  };
}

function staticCluster(name: string, port: number): JsonObject {
  return {
    name,
    connect_timeout: '5s',
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] }],
    },
  };
}

/** Objects are merged by key, everything else is replaced. */
export function merge(base: JsonObject, over: JsonObject): JsonObject {
  const out: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const old = out[key];
    out[key] = isObject(old) && isObject(value) ? merge(old, value) : value;
  }
  return out;
}

function inSlowMotion(value: Json): Json {
  if (typeof value === 'string') return slowed(value);
  if (Array.isArray(value)) return value.map(inSlowMotion);
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inSlowMotion(item)])) : value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
