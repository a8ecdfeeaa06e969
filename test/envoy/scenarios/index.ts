/** All areas of the comparison. */
import type { Area } from '../harness/scenario.ts';
import { admin } from './admin.ts';
import { browsers } from './browsers.ts';
import { buffering } from './buffering.ts';
import { clusterPolicies } from './cluster-policies.ts';
import { compression } from './compression.ts';
import { edge } from './edge.ts';
import { endpoints } from './endpoints.ts';
import { fault } from './fault.ts';
import { forwardProxy } from './forward-proxy.ts';
import { framing } from './framing.ts';
import { grpc } from './grpc.ts';
import { happyEyeballs } from './happy-eyeballs.ts';
import { hashing } from './hashing.ts';
import { headers } from './headers.ts';
import { health } from './health.ts';
import { healthTls } from './health-tls.ts';
import { hedging } from './hedging.ts';
import { http2 } from './http2.ts';
import { http2Upstream } from './http2-upstream.ts';
import { internalRedirects } from './internal-redirects.ts';
import { logServices } from './log-services.ts';
import { logs } from './logs.ts';
import { malformed } from './malformed.ts';
import { matching } from './matching.ts';
import { mirroring } from './mirroring.ts';
import { mutation } from './mutation.ts';
import { operators } from './operators.ts';
import { outlier } from './outlier.ts';
import { overload } from './overload.ts';
import { ownPools } from './own-pools.ts';
import { paths } from './paths.ts';
import { preconnect } from './preconnect.ts';
import { proxyProtocol } from './proxy-protocol.ts';
import { proxyStatus } from './proxy-status.ts';
import { ratelimit } from './ratelimit.ts';
import { rbac } from './rbac.ts';
import { resilience } from './resilience.ts';
import { retries } from './retries.ts';
import { retryBudget } from './retry-budget.ts';
import { retryClusters } from './retry-clusters.ts';
import { retryHosts } from './retry-hosts.ts';
import { rewriting } from './rewriting.ts';
import { routeTrees } from './route-trees.ts';
import { routing } from './routing.ts';
import { sessions } from './sessions.ts';
import { stats } from './stats.ts';
import { subset } from './subset.ts';
import { tap } from './tap.ts';
import { tcp } from './tcp.ts';
import { timeouts } from './timeouts.ts';
import { tls } from './tls.ts';
import { tlsClients } from './tls-clients.ts';
import { tlsHttp2 } from './tls-http2.ts';
import { tlsIdentity } from './tls-identity.ts';
import { tlsKeys } from './tls-keys.ts';
import { tlsPolicies } from './tls-policies.ts';
import { tlsSecrets } from './tls-secrets.ts';
import { tlsStatus } from './tls-status.ts';
import { tlsTickets } from './tls-tickets.ts';
import { topology } from './topology.ts';
import { tracers } from './tracers.ts';
import { tracing } from './tracing.ts';
import { trackedClusters } from './tracked-clusters.ts';
import { transcoding } from './transcoding.ts';
import { tunnels } from './tunnels.ts';
import { upstreamLogs } from './upstream-logs.ts';
import { websocket } from './websocket.ts';

export const areas: readonly Area[] = [
  routing,
  rewriting,
  proxyStatus,
  headers,
  retries,
  hedging,
  mirroring,
  internalRedirects,
  retryHosts,
  clusterPolicies,
  routeTrees,
  timeouts,
  resilience,
  operators,
  outlier,
  overload,
  subset,
  topology,
  endpoints,
  ownPools,
  preconnect,
  retryBudget,
  retryClusters,
  happyEyeballs,
  framing,
  malformed,
  edge,
  paths,
  logServices,
  logs,
  trackedClusters,
  tap,
  tracers,
  tracing,
  tunnels,
  forwardProxy,
  http2,
  http2Upstream,
  tcp,
  upstreamLogs,
  admin,
  stats,
  fault,
  buffering,
  browsers,
  compression,
  grpc,
  transcoding,
  mutation,
  rbac,
  matching,
  health,
  healthTls,
  ratelimit,
  hashing,
  sessions,
  tls,
  tlsIdentity,
  tlsStatus,
  tlsSecrets,
  tlsClients,
  tlsHttp2,
  tlsTickets,
  tlsKeys,
  tlsPolicies,
  websocket,
  proxyProtocol,
];
