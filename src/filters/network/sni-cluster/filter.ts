/** The server name of the client's TLS handshake is the name of the cluster. Source: envoy.extensions.filters.network.sni_cluster.v3.SniCluster. */
import type { NetworkFilter, NetworkFilterCallbacks, NetworkFilterFactory } from '../../api.ts';
import { Status } from '../../api.ts';

/** Filter state that tcp_proxy reads. */
const CLUSTER_STATE = 'envoy.tcp_proxy.cluster';

class SniClusterFilter implements NetworkFilter {
  constructor(callbacks: NetworkFilterCallbacks) {
    // tcp_proxy looks when it is made, which is after this one, and before onConnection.
    const { requestedServerName } = callbacks.info;
    if (requestedServerName === '') return;
    const { streamInfo } = callbacks;
    streamInfo.filterState ??= new Map();
    streamInfo.filterState.set(CLUSTER_STATE, requestedServerName);
  }

  onConnection(): Status {
    return Status.Continue;
  }

  onData(): Status {
    return Status.Continue;
  }

  onClose(): void {}
}

export function createSniCluster(): NetworkFilterFactory {
  return { newFilter: (callbacks) => new SniClusterFilter(callbacks) };
}
