/** From a file of discovery resources to settings. Each resource is checked and compiled on its own: a bad one does not spoil the others. */
import type { Message } from '@bufbuild/protobuf';
import type { CompileContext } from '../config/context.ts';
import type { Cluster } from '../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ClusterLoadAssignment } from '../config/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { Listener } from '../config/gen/envoy/config/listener/v3/listener_pb.js';
import type { RouteConfiguration } from '../config/gen/envoy/config/route/v3/route_pb.js';
import type { Secret } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { ConfigProblem } from '../config/problem.ts';
import { loadResourceFile } from '../config/resources.ts';
import { fs } from '../runtime/node-module.ts';
import { Compiler } from './compile.ts';
import type { DynamicSettings } from './compiled.ts';
import type { ConfigRequest } from './load-config.ts';
import { namedTypes } from './named-types.ts';

export type ResourceKind = 'listeners' | 'clusters' | 'routes' | 'endpoints' | 'secrets';

export interface ResourceRequest {
  readonly kind: ResourceKind;
  readonly path: string;
  readonly request: ConfigRequest;
}

/** ListenerSettings, ClusterSettings, RouteTableSettings, EndpointsSettings or SecretSettings, by kind. */
export interface CompiledResource {
  readonly name: string;
  /** null if it was refused. */
  readonly settings: unknown;
  /** The message in binary; null if it could not be read. */
  readonly encoded: Uint8Array | null;
  readonly problems: readonly ConfigProblem[];
}

export interface ResourceResult {
  readonly version: string;
  readonly resources: readonly CompiledResource[];
  /** Of the file as a whole; with an error here there are no resources. */
  readonly problems: readonly ConfigProblem[];
  /** Subscriptions that the resources name. */
  readonly found: Subscriptions;
}

export type Subscriptions = Pick<DynamicSettings, 'rds' | 'eds' | 'sds' | 'watched'>;

/** Type of a resource, by kind. */
export const RESOURCE_TYPES: Readonly<Record<ResourceKind, string>> = {
  listeners: 'envoy.config.listener.v3.Listener',
  clusters: 'envoy.config.cluster.v3.Cluster',
  routes: 'envoy.config.route.v3.RouteConfiguration',
  endpoints: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  secrets: 'envoy.extensions.transport_sockets.tls.v3.Secret',
};

export async function loadResources({ kind, path, request }: ResourceRequest): Promise<ResourceResult> {
  // Somebody is about to write it: taken for what it is, it would remove everything.
  if (isEmpty(path)) return refused(path, 'the file is empty');
  const file = loadResourceFile(path, { allowUnsupported: request.allowUnsupported, rejectUnknown: request.rejectUnknownDynamic });
  // Clusters, endpoints and secrets name no filters, and there may be thousands.
  const filtering = kind === 'listeners' || kind === 'routes';
  const compiler = await Compiler.load(request, namedTypes(filtering ? file.resources.map(({ message }) => message) : []));
  compiler.forDynamicResources();
  const seen = new Set<string>();
  const resources = file.resources.map(({ name, message, encoded, problems, context }): CompiledResource => {
    const list = context.list;
    const before = list.problems.length;
    let settings: unknown = null;
    if (message !== null) {
      if (message.$typeName !== RESOURCE_TYPES[kind]) context.error(`expected ${RESOURCE_TYPES[kind]}, got ${message.$typeName}`);
      else if (seen.has(name)) context.error(`duplicate resource '${name}'`);
      else settings = compile(compiler, kind, message, context);
    }
    seen.add(name);
    const all = [...problems, ...list.problems.slice(before)];
    return { name, encoded, settings: all.some((problem) => problem.severity === 'error') ? null : settings, problems: all };
  });
  return { version: file.versionInfo, resources, problems: file.problems, found: compiler.dynamic };
}

function isEmpty(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.size === 0;
}

function refused(file: string, message: string): ResourceResult {
  return {
    version: '',
    resources: [],
    problems: [{ severity: 'error', path: '', file, line: 0, column: 0, message }],
    found: { rds: {}, eds: {}, sds: {}, watched: {} },
  };
}

function compile(compiler: Compiler, kind: ResourceKind, message: Message, at: CompileContext): unknown {
  switch (kind) {
    case 'listeners':
      return compiler.listener(message as Listener, at);
    case 'clusters':
      return compiler.cluster(message as Cluster, at);
    case 'routes':
      return compiler.routes(message as RouteConfiguration, null, at);
    case 'secrets':
      return compiler.secret(message as Secret, at);
    case 'endpoints':
      return compiler.endpoints(message as ClusterLoadAssignment, at);
  }
}
