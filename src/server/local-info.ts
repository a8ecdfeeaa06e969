/** What this process knows of itself and of its machine. */
import { hostname, networkInterfaces } from 'node:os';
import type { OwnPlace } from '../cluster/cluster-manager.ts';
import type { LocalInfo } from '../filters/api.ts';
import type { NodeSettings } from './compiled.ts';

/** @param version family of the machine's own address (--local-address-ip-version) */
export function localInfo(node: NodeSettings, version: 'v4' | 'v6'): LocalInfo {
  return {
    ...{ node: node.message, nodeId: node.id, clusterName: node.cluster, zone: node.zone },
    ...{ hostname: hostname(), addressIp: ownAddress(version) },
  };
}

/** Where the proxy stands among localities. */
export function ownPlace({ region, zone, subZone }: NodeSettings, localClusterName: string): OwnPlace {
  return { localClusterName, locality: region === '' && zone === '' && subZone === '' ? null : { region, zone, subZone } };
}

/** The first address of an interface that is not loopback, as Envoy picks it; the loopback address if there is none. */
function ownAddress(version: 'v4' | 'v6'): string {
  const family = version === 'v4' ? 'IPv4' : 'IPv6';
  for (const addresses of Object.values(networkInterfaces())) {
    for (const address of addresses ?? []) {
      if (address.family === family && !address.internal && !address.address.startsWith('fe80:')) return address.address;
    }
  }
  return version === 'v4' ? '127.0.0.1' : '::1';
}
