/** `/config_dump`: the configuration in force, whole or cut down with `resource`, `mask` and `name_regex`. Works on JSON with Envoy's field names. */
import { compileFilter } from '../stats/query.ts';
import type { AdminReply, AdminRequest, Endpoint, JsonObject } from './api.ts';
import { json, TEXT } from './reply.ts';

/** Dump message → its repeated fields → type of their elements. */
const DUMPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  BootstrapConfigDump: {},
  ClustersConfigDump: {
    static_clusters: 'StaticCluster',
    dynamic_active_clusters: 'DynamicCluster',
    dynamic_warming_clusters: 'DynamicCluster',
  },
  ListenersConfigDump: { static_listeners: 'StaticListener', dynamic_listeners: 'DynamicListener' },
  RoutesConfigDump: { static_route_configs: 'StaticRouteConfig', dynamic_route_configs: 'DynamicRouteConfig' },
  ScopedRoutesConfigDump: {
    inline_scoped_route_configs: 'InlineScopedRouteConfigs',
    dynamic_scoped_route_configs: 'DynamicScopedRouteConfigs',
  },
  SecretsConfigDump: { static_secrets: 'StaticSecret', dynamic_active_secrets: 'DynamicSecret', dynamic_warming_secrets: 'DynamicSecret' },
  EndpointsConfigDump: { static_endpoint_configs: 'StaticEndpointConfig', dynamic_endpoint_configs: 'DynamicEndpointConfig' },
  EcdsConfigDump: { ecds_filters: 'EcdsFilterConfig' },
};
/** Fields of the dump messages that are not repeated. */
const SINGLE: Readonly<Record<string, readonly string[]>> = {
  BootstrapConfigDump: ['bootstrap', 'last_updated'],
  ClustersConfigDump: ['version_info'],
  ListenersConfigDump: ['version_info'],
};

export const configDumpEndpoint: Endpoint = {
  path: '/config_dump',
  help: 'dump current configs',
  mutates: false,
  parameters: [
    { name: 'resource', help: 'a repeated field of the dump, "dynamic_active_clusters" for example' },
    { name: 'mask', help: 'the fields to show; with resource, of each of its elements' },
    { name: 'name_regex', help: 'only what has a matching name' },
    { name: 'include_eds', help: 'endpoints too', flag: true },
  ],
  handle: async (request, deps) => dump(await deps.configDump(request.params.has('include_eds')), request),
};

function dump(configs: readonly JsonObject[], request: AdminRequest): AdminReply {
  const resource = request.params.get('resource') ?? '';
  const mask = paths(request.params.get('mask') ?? '');
  const pattern = request.params.get('name_regex') ?? '';
  const accepts = compileFilter(pattern);
  if (typeof accepts === 'string')
    return refuse(400, `INVALID_ARGUMENT: Error while parsing name_regex from ${pattern}: ${accepts.slice('Invalid re2 regex: '.length)}`);
  const kept = pattern === '' ? configs : configs.map((config) => keepNamed(config, accepts));
  if (resource !== '') return oneResource(kept, resource, mask);
  if (mask.length === 0) return json({ configs: kept });
  const masked: JsonObject[] = [];
  for (const config of kept) {
    const own = mask.filter((path) => fieldsOf(config).includes(path[0]!));
    const result = own.length === mask.length ? applyMask(config, own) : null;
    if (result !== null) masked.push(result);
  }
  if (masked.length === 0) return refuse(400, `FieldMask ${request.params.get('mask')} could not be successfully applied to any configs.`);
  return json({ configs: masked });
}

function oneResource(configs: readonly JsonObject[], resource: string, mask: readonly string[][]): AdminReply {
  for (const config of configs) {
    const name = dumpName(config);
    if ((SINGLE[name] ?? []).includes(resource))
      return refuse(400, `${resource} is not a repeated field. Use ?mask=${resource} to get only this field`);
    const element = DUMPS[name]?.[resource];
    if (element === undefined) continue;
    const out: JsonObject[] = [];
    for (const item of asArray(config[resource])) {
      const whole: JsonObject = { '@type': `type.googleapis.com/envoy.admin.v3.${name}.${element}`, ...item };
      const result = mask.length === 0 ? whole : applyMask(whole, mask);
      if (result === null)
        return refuse(400, `FieldMask ${mask.map((p) => `paths: "${p.join('.')}"`).join(' ')} could not be successfully used.`);
      out.push(result);
    }
    return json(out.length === 0 ? {} : { configs: out });
  }
  return refuse(404, `${resource} not found in config dump`);
}

/** Envoy sends these without the charset. */
function refuse(status: number, message: string): AdminReply {
  return { status, contentType: TEXT.slice(0, TEXT.indexOf(';')), body: message };
}

function paths(mask: string): string[][] {
  return mask
    .split(',')
    .filter((p) => p !== '')
    .map((p) => p.split('.'));
}

function dumpName(config: JsonObject): string {
  const type = String(config['@type'] ?? '');
  return type.slice(type.lastIndexOf('.') + 1);
}

function fieldsOf(config: JsonObject): readonly string[] {
  const name = dumpName(config);
  return [...Object.keys(DUMPS[name] ?? {}), ...(SINGLE[name] ?? [])];
}

/** The message with only the masked fields; null if a path leads nowhere: through a list, or (in an element) to a field that it cannot have. */
function applyMask(message: JsonObject, mask: readonly string[][]): JsonObject | null {
  const out: Record<string, unknown> = {};
  if ('@type' in message) out['@type'] = message['@type'];
  for (const field of Object.keys(message)) {
    const rests = mask.filter((path) => path[0] === field).map((path) => path.slice(1));
    if (rests.length === 0) continue;
    const value = message[field];
    if (rests.some((rest) => rest.length === 0)) out[field] = value;
    else if (Array.isArray(value) || typeof value !== 'object' || value === null) return null;
    else {
      const inner = applyMask(value as JsonObject, rests);
      if (inner === null) return null;
      out[field] = inner;
    }
  }
  // Without the descriptors an absent field and an unknown one look alike; the elements' own fields are the ones that people get wrong.
  const element = ELEMENT_TYPE.exec(String(message['@type'] ?? ''))?.[1];
  if (element !== undefined && mask.some((path) => !mayHave(element, path[0]!))) return null;
  return out;
}

const ELEMENT_TYPE = /^type\.googleapis\.com\/envoy\.admin\.v3\.\w+ConfigDump\.(\w+)$/;
const ELEMENT_FIELDS: ReadonlySet<string> = new Set([
  ...['cluster', 'listener', 'route_config', 'scoped_route_configs', 'secret', 'endpoint_config', 'ecds_filter'],
  ...['version_info', 'last_updated', 'error_state', 'client_status', 'active_state', 'warming_state', 'draining_state'],
]);
/** The elements that have a name besides that of the resource in them. */
const NAMED_ELEMENT = /^(DynamicListener|StaticSecret|DynamicSecret|InlineScopedRouteConfigs|DynamicScopedRouteConfigs)$/;

function mayHave(element: string, field: string): boolean {
  return ELEMENT_FIELDS.has(field) || (field === 'name' && NAMED_ELEMENT.test(element));
}

function asArray(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? (value as JsonObject[]) : [];
}

/** Drops the elements of repeated fields whose resource has another name. The bootstrap has none and stays. */
function keepNamed(config: JsonObject, accepts: (name: string) => boolean): JsonObject {
  const out: Record<string, unknown> = { ...config };
  for (const field of Object.keys(DUMPS[dumpName(config)] ?? {})) {
    if (!(field in out)) continue;
    const kept = asArray(out[field]).filter((item) => accepts(resourceName(item)));
    if (kept.length > 0) out[field] = kept;
    else delete out[field];
  }
  return out;
}

function resourceName(item: JsonObject): string {
  if (typeof item['name'] === 'string') return item['name'];
  for (const field of ['cluster', 'listener', 'route_config', 'secret', 'endpoint_config', 'ecds_filter']) {
    const inner = item[field] as JsonObject | undefined;
    if (inner === undefined || inner === null) continue;
    return String(inner['name'] ?? inner['cluster_name'] ?? '');
  }
  return '';
}
