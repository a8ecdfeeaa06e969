/** `/clusters`: every cluster with its limits, and every host with its numbers and health. */

import { HealthFlag, type HostAddress, healthFlagsText } from '../lb/host.ts';
import { compileFilter } from '../stats/query.ts';
import type { BreakerLimits, ClusterStatus, Endpoint, HostStatus } from './api.ts';
import { JSON_TYPE, text } from './reply.ts';

export const clustersEndpoint: Endpoint = {
  path: '/clusters',
  help: 'upstream cluster status',
  mutates: false,
  asksWorkers: true,
  parameters: [
    { name: 'filter', help: 'regular expression (RE2) that a part of the cluster name must match' },
    { name: 'format', help: 'format to use', values: ['text', 'json'] },
  ],
  handle: (request, deps) => {
    const accepts = compileFilter(request.params.get('filter') ?? '');
    if (typeof accepts === 'string') return text('Invalid re2 regex', 400);
    const chosen = accepted(deps.clusters(), accepts);
    if (request.params.get('format') !== 'json') return text(clustersText(chosen));
    return { status: 200, contentType: JSON_TYPE, body: clustersJson(chosen) };
  },
};

function* accepted(clusters: Iterable<ClusterStatus>, accepts: (name: string) => boolean): Generator<ClusterStatus> {
  for (const cluster of clusters) if (accepts(cluster.name)) yield cluster;
}

function* clustersText(clusters: Iterable<ClusterStatus>): Generator<string> {
  for (const c of clusters) {
    const head = `${c.name}::`;
    let out = `${head}observability_name::${c.observabilityName}\n`;
    if (c.outlier !== null) {
      out += `${head}outlier::success_rate_average::${short(c.outlier.successRateAverage)}\n`;
      out += `${head}outlier::success_rate_ejection_threshold::${short(c.outlier.successRateEjectionThreshold)}\n`;
      out += `${head}outlier::local_origin_success_rate_average::${short(c.outlier.localOriginSuccessRateAverage)}\n`;
      out += `${head}outlier::local_origin_success_rate_ejection_threshold::${short(c.outlier.localOriginSuccessRateEjectionThreshold)}\n`;
    }
    out += limitsText(`${head}default_priority::`, c.defaultPriority) + limitsText(`${head}high_priority::`, c.highPriority);
    out += `${head}added_via_api::${c.addedViaApi}\n`;
    if (c.edsServiceName !== '') out += `${head}eds_service_name::${c.edsServiceName}\n`;
    yield out;
    for (const host of c.hosts) yield hostText(`${head}${host.address.text}::`, host);
  }
}

/** Six significant digits, as C's %g. */
function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function limitsText(head: string, limits: BreakerLimits): string {
  return (
    `${head}max_connections::${limits.maxConnections}\n${head}max_pending_requests::${limits.maxPendingRequests}\n` +
    `${head}max_requests::${limits.maxRequests}\n${head}max_retries::${limits.maxRetries}\n`
  );
}

function hostText(head: string, host: HostStatus): string {
  const n = host.counts;
  const rows: [string, string | number | boolean][] = [
    ['cx_active', n.cxActive],
    ['cx_connect_fail', n.cxConnectFail],
    ['cx_total', n.cxTotal],
    ['rq_active', n.rqActive],
    ['rq_error', n.rqError],
    ['rq_pending_active', host.rqPendingActive],
    ['rq_success', n.rqSuccess],
    ['rq_timeout', n.rqTimeout],
    ['rq_total', n.rqTotal],
    ['hostname', host.hostname],
    ['health_flags', healthFlagsText(host.healthFlags)],
    ['weight', host.weight],
    ['region', host.locality.region],
    ['zone', host.locality.zone],
    ['sub_zone', host.locality.subZone],
    ['canary', host.canary],
    ['priority', host.priority],
    ['success_rate', host.successRate],
    ['local_origin_success_rate', host.localOriginSuccessRate],
  ];
  return rows.map(([name, value]) => `${head}${name}::${value}\n`).join('');
}

/** envoy.admin.v3.Clusters, a cluster at a time. Fields at their defaults are left out, as protobuf's JSON does. */
function* clustersJson(clusters: Iterable<ClusterStatus>): Generator<string> {
  let open = '{\n "cluster_statuses": [\n';
  for (const c of clusters) {
    // Two levels deeper than a document of its own.
    yield open + JSON.stringify(clusterJson(c), null, 1).replace(/^/gm, '  ');
    open = ',\n';
  }
  yield open === ',\n' ? '\n ]\n}\n' : '{}\n';
}

function clusterJson(c: ClusterStatus): object {
  const threshold = c.outlier?.successRateEjectionThreshold ?? -1;
  const localThreshold = c.outlier?.localOriginSuccessRateEjectionThreshold ?? -1;
  const hosts = Array.from(c.hosts, hostJson);
  return {
    name: c.name,
    ...(c.addedViaApi && { added_via_api: true }),
    ...(threshold >= 0 && { success_rate_ejection_threshold: { value: threshold } }),
    ...(hosts.length > 0 && { host_statuses: hosts }),
    ...(localThreshold >= 0 && { local_origin_success_rate_ejection_threshold: { value: localThreshold } }),
    circuit_breakers: { thresholds: [limitsJson(c.defaultPriority), { priority: 'HIGH', ...limitsJson(c.highPriority) }] },
    observability_name: c.observabilityName,
    ...(c.edsServiceName !== '' && { eds_service_name: c.edsServiceName }),
  };
}

function limitsJson(limits: BreakerLimits): object {
  return {
    max_connections: limits.maxConnections,
    max_pending_requests: limits.maxPendingRequests,
    max_requests: limits.maxRequests,
    max_retries: limits.maxRetries,
  };
}

function hostJson(host: HostStatus): object {
  const n = host.counts;
  const counter = (name: string, value: number) => (value === 0 ? { name } : { value: String(value), name });
  const gauge = (name: string, value: number) => ({ type: 'GAUGE', ...counter(name, value) });
  const { region, zone, subZone } = host.locality;
  return {
    address: addressJson(host.address),
    stats: [
      counter('cx_connect_fail', n.cxConnectFail),
      counter('cx_total', n.cxTotal),
      counter('rq_error', n.rqError),
      counter('rq_success', n.rqSuccess),
      counter('rq_timeout', n.rqTimeout),
      counter('rq_total', n.rqTotal),
      gauge('cx_active', n.cxActive),
      gauge('rq_active', n.rqActive),
      gauge('rq_pending_active', host.rqPendingActive),
    ],
    health_status: healthJson(host.healthFlags),
    ...(host.successRate >= 0 && { success_rate: { value: host.successRate } }),
    weight: host.weight,
    ...(host.hostname !== '' && { hostname: host.hostname }),
    ...(host.priority !== 0 && { priority: host.priority }),
    ...(host.localOriginSuccessRate >= 0 && { local_origin_success_rate: { value: host.localOriginSuccessRate } }),
    locality: { ...(region !== '' && { region }), ...(zone !== '' && { zone }), ...(subZone !== '' && { sub_zone: subZone }) },
  };
}

const HEALTH_FIELDS: readonly (readonly [number, string])[] = [
  [HealthFlag.FailedActiveHc, 'failed_active_health_check'],
  [HealthFlag.FailedOutlierCheck, 'failed_outlier_check'],
  [HealthFlag.DegradedActiveHc, 'failed_active_degraded_check'],
  [HealthFlag.PendingDynamicRemoval, 'pending_dynamic_removal'],
  [HealthFlag.PendingActiveHc, 'pending_active_hc'],
  [HealthFlag.ExcludedViaImmediateHcFail, 'excluded_via_immediate_hc_fail'],
  [HealthFlag.ActiveHcTimeout, 'active_hc_timeout'],
];

function healthJson(flags: number): object {
  const out: Record<string, unknown> = {};
  for (const [bit, name] of HEALTH_FIELDS) if (flags & bit) out[name] = true;
  out['eds_health_status'] =
    flags & HealthFlag.EdsStatusDraining
      ? 'DRAINING'
      : flags & HealthFlag.FailedEdsHealth
        ? 'UNHEALTHY'
        : flags & HealthFlag.DegradedEdsHealth
          ? 'DEGRADED'
          : 'HEALTHY';
  if (flags & HealthFlag.DegradedOutlierDetection) out['failed_degraded_outlier_detection'] = true;
  return out;
}

/** envoy.config.core.v3.Address. */
export function addressJson(address: HostAddress): object {
  if (address.kind === 'pipe') return { pipe: { path: address.path } };
  return { socket_address: { address: address.ip, ...(address.port !== 0 && { port_value: address.port }) } };
}
