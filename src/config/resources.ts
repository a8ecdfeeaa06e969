/**
 * Discovery resources, each checked on its own: one bad resource is refused with its name and reason, the others are good.
 * From a file (`path_config_source`: a DiscoveryResponse as YAML, JSON or binary) or from the wire.
 */
import type { Message } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyBytes } from './any-message.ts';
import { messageType } from './api-registry.ts';
import { CompileContext, type CompileOptions, namedSource, ProblemList } from './context.ts';
import type { DiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery_pb.js';
import { loadMessage } from './load-message.ts';
import { type AnyMessage, messagePlan } from './message-plan.ts';
import type { ConfigProblem } from './problem.ts';
import { unpackAny } from './unpack.ts';
import { reportUnsupported } from './unsupported.ts';
import { validateMessage } from './validate.ts';

/** One resource of a discovery response. */
export interface Resource {
  /** Its `name` (`cluster_name` of a ClusterLoadAssignment); '' if it has none. */
  readonly name: string;
  /** null if it has errors. */
  readonly message: Message | null;
  /** The message in binary, whatever is wrong with it; null if it could not be read. */
  readonly encoded: Uint8Array | null;
  readonly problems: readonly ConfigProblem[];
  /** For the compiler of the resource. */
  readonly context: CompileContext;
}

export interface ResourceFile {
  readonly versionInfo: string;
  readonly resources: readonly Resource[];
  /** Of the file as a whole: if there is an error here, no resource could be read. */
  readonly problems: readonly ConfigProblem[];
}

/** Unknown fields of dynamic configuration are warnings unless `rejectUnknown` (`--reject-unknown-dynamic-fields`). */
export interface ResourceOptions extends CompileOptions {
  readonly rejectUnknown?: boolean;
}

export function loadResourceFile(path: string, options: ResourceOptions): ResourceFile {
  const loaded = loadMessage<DiscoveryResponse>('envoy.service.discovery.v3.DiscoveryResponse', {
    path,
    allowUnknown: options.rejectUnknown !== true,
    allowUnsupported: options.allowUnsupported,
  });
  const own: ConfigProblem[] = [];
  const byIndex = new Map<number, ConfigProblem[]>();
  for (const p of loaded.problems) {
    const index = /^resources\[(\d+)\]/.exec(p.path)?.[1];
    if (index === undefined) own.push(p);
    else byIndex.set(Number(index), [...(byIndex.get(Number(index)) ?? []), p]);
  }
  const resources = (loaded.partial?.resources ?? []).map((any, i): Resource => {
    const problems = byIndex.get(i) ?? [];
    const bad = problems.some((p) => p.severity === 'error');
    const message = messageIn(any);
    return {
      ...{ name: resourceName(message), message: bad ? null : message, encoded: message === null ? null : anyBytes(any) },
      ...{ problems, context: loaded.context.field('resources', i) },
    };
  });
  return { versionInfo: loaded.partial?.versionInfo ?? '', resources, problems: own };
}

/** @param source what problems name as their file: a resource has no lines */
export function checkResource(any: Any, source: string, options: ResourceOptions): Resource {
  const list = new ProblemList(namedSource(source));
  const context = new CompileContext(list, options);
  const unpacked = unpackAny(any);
  if ('failure' in unpacked) {
    context.error(unpacked.failure);
    return { name: '', message: null, encoded: null, problems: list.problems, context };
  }
  const message = unpacked.message as Message & AnyMessage;
  const plan = messagePlan(messageType(message.$typeName));
  validateMessage(plan, message, list);
  reportUnsupported(plan, message, list, options.allowUnsupported);
  return {
    ...{ name: resourceName(message), message: list.errors > 0 ? null : message, encoded: any.value },
    ...{ problems: list.problems, context },
  };
}

function messageIn(any: Any): Message | null {
  if (any.typeUrl === '') return null;
  const unpacked = unpackAny(any);
  return 'message' in unpacked ? unpacked.message : null;
}

function resourceName(message: Message | null): string {
  if (message === null) return '';
  const { name, clusterName } = message as unknown as { name?: string; clusterName?: string };
  return name ?? clusterName ?? '';
}
