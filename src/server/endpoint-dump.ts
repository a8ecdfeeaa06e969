/** The endpoints of all clusters as they are now, for `/config_dump?include_eds`. Source: envoy.admin.v3.EndpointsConfigDump. */
import type { JsonObject } from '../admin/api.ts';
import type { HostRecord } from '../cluster/host-update.ts';
import type { Assignment } from '../cluster/status.ts';
import { DEGRADED, type Locality, readHostCounts, UNHEALTHY } from '../lb/host.ts';
import { parseIpPort } from '../net/address.ts';
import { serviceOf } from './endpoint-users.ts';

const MILLION = 1_000_000;
const BEFORE = 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump';

/** @param configs the sections of the dump: that of the endpoints goes behind that of the clusters, as in Envoy */
export function withEndpoints(configs: readonly JsonObject[], assignments: Iterable<Assignment>): readonly JsonObject[] {
  const fixed: JsonObject[] = [];
  const dynamic: JsonObject[] = [];
  for (const assignment of assignments) (assignment.addedViaApi ? dynamic : fixed).push({ endpoint_config: renderAssignment(assignment) });
  const section = {
    '@type': 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump',
    ...(fixed.length > 0 ? { static_endpoint_configs: fixed } : {}),
    ...(dynamic.length > 0 ? { dynamic_endpoint_configs: dynamic } : {}),
  };
  const at = configs.findIndex((config) => config['@type'] === BEFORE);
  return at < 0 ? [...configs, section] : [...configs.slice(0, at), section, ...configs.slice(at)];
}

function renderAssignment({ settings, update, own, cells }: Assignment): JsonObject {
  const endpoints = update.priorities.flatMap(({ hosts }, priority) => localities(hosts, priority, cells));
  if (own.length > 0) {
    const lbEndpoints = own.map(({ address, hostname, counts }) => lbEndpoint(socketAddress(address), hostname, counts.healthFlags, {}));
    endpoints.push({ locality: {}, lb_endpoints: lbEndpoints, load_balancing_weight: 0 });
  }
  const drop = Math.round(update.dropOverload * MILLION);
  return {
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: serviceOf(settings),
    ...(endpoints.length > 0 ? { endpoints } : {}),
    policy: {
      ...(drop > 0 ? { drop_overloads: [{ drop_percentage: { numerator: drop, denominator: 'MILLION' } }] } : {}),
      overprovisioning_factor: update.overprovisioningFactor,
    },
  };
}

/** Those of one locality together, in the order of their names. */
function localities(hosts: readonly HostRecord[], priority: number, cells: Int32Array): JsonObject[] {
  const groups = new Map<string, HostRecord[]>();
  for (const host of hosts) {
    const key = sortKey(host.locality);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [host]);
    else group.push(host);
  }
  return [...groups.keys()].sort().map((key) => {
    const group = groups.get(key)!;
    const [{ locality, localityWeight }] = group as [HostRecord];
    const { region, zone, subZone } = locality;
    return {
      locality: { ...(region && { region }), ...(zone && { zone }), ...(subZone && { sub_zone: subZone }) },
      lb_endpoints: group.map((host) => recordEndpoint(host, cells)),
      load_balancing_weight: localityWeight,
      ...(priority > 0 ? { priority } : {}),
    };
  });
}

function sortKey({ region, zone, subZone }: Locality): string {
  return [region, zone, subZone].join('\0');
}

function recordEndpoint(host: HostRecord, cells: Int32Array): JsonObject {
  const flags = readHostCounts(cells, host.slot).healthFlags | host.health;
  const { check, metadata, additional } = host;
  const checkAt = { ...(check?.port && { port_value: check.port }), ...(check?.hostname && { hostname: check.hostname }) };
  const others = additional.map((address) => ({ address: socketAddress(address) }));
  const address = host.path === '' ? { socket_address: { address: host.ip, port_value: host.port } } : { pipe: { path: host.path } };
  return lbEndpoint(address, host.hostname, flags, {
    ...{ metadata, weight: host.weight, checkAt },
    ...(others.length > 0 ? { more: { additional_addresses: others } } : {}),
  });
}

interface More {
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  readonly weight?: number;
  readonly checkAt?: object;
  readonly more?: object;
}

function lbEndpoint(address: object, hostname: string, flags: number, { metadata, weight = 1, checkAt = {}, more }: More): JsonObject {
  return {
    endpoint: { address, health_check_config: checkAt, ...(hostname === '' ? {} : { hostname }), ...more },
    health_status: (flags & UNHEALTHY) !== 0 ? 'UNHEALTHY' : (flags & DEGRADED) !== 0 ? 'DEGRADED' : 'HEALTHY',
    ...(metadata == null ? {} : { metadata: { filter_metadata: metadata } }),
    load_balancing_weight: weight,
  };
}

function socketAddress(text: string): object {
  const address = parseIpPort(text);
  return address === null ? { pipe: { path: text } } : { socket_address: { address: address.ip, port_value: address.port } };
}
