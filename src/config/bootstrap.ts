/** A bootstrap from a file, from `--config-yaml`, or from both. */
import type { CompileContext } from './context.ts';
import type { Bootstrap } from './gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { type LoadOptions, loadMessage } from './load-message.ts';
import type { ConfigProblem } from './problem.ts';

export type { LoadOptions } from './load-message.ts';

export interface LoadedBootstrap {
  /** null if the configuration has errors. */
  readonly bootstrap: Bootstrap | null;
  readonly problems: readonly ConfigProblem[];
  /** For the compilers of the message's parts; what they report has its place in the source, and joins `context.list`. */
  readonly context: CompileContext;
}

/** Reads, decodes and checks. Everything that is wrong is reported, not just the first. */
export function loadBootstrap(options: LoadOptions): LoadedBootstrap {
  const { message, problems, context } = loadMessage<Bootstrap>('envoy.config.bootstrap.v3.Bootstrap', options);
  return { bootstrap: message, problems, context };
}
