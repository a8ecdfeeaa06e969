/** Who this proxy is. Source: envoy.config.core.v3.Node of the bootstrap, and the command line's --service-* options, which overrule it. */
import { create, toBinary } from '@bufbuild/protobuf';
import { apiRegistry } from '../config/api-registry.ts';
import type { Node } from '../config/gen/envoy/config/core/v3/base_pb.js';
import type { NodeSettings } from './compiled.ts';
import { packageVersion } from './version.ts';

export interface NodeFlags {
  readonly serviceNode: string;
  readonly serviceCluster: string;
  readonly serviceZone: string;
}

export function compileNode(node: Node | undefined, flags: NodeFlags): NodeSettings {
  const id = flags.serviceNode || (node?.id ?? '');
  const cluster = flags.serviceCluster || (node?.cluster ?? '');
  const region = node?.locality?.region ?? '';
  const zone = flags.serviceZone || (node?.locality?.zone ?? '');
  const subZone = node?.locality?.subZone ?? '';
  return { id, cluster, region, zone, subZone, message: encode(node, { id, cluster, region, zone, subZone }) };
}

function encode(node: Node | undefined, { id, cluster, region, zone, subZone }: Omit<NodeSettings, 'message'>): Uint8Array {
  const desc = apiRegistry().getMessage('envoy.config.core.v3.Node')!;
  const known = region !== '' || zone !== '' || subZone !== '';
  return toBinary(
    desc,
    create(desc, {
      id,
      cluster,
      ...(node?.metadata === undefined ? {} : { metadata: node.metadata }),
      ...(known ? { locality: { region, zone, subZone } } : {}),
      userAgentName: 'outrider',
      userAgentVersionType: { case: 'userAgentVersion', value: packageVersion() },
    } as never),
  );
}
