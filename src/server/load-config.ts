/** From sources to settings: load, check, compile. The same for serving, for `validate` and for `explain`. */
import { loadBootstrap } from '../config/bootstrap.ts';
import { type ConfigProblem, hasErrors, sortProblems } from '../config/problem.ts';
import { type CompileFlags, Compiler } from './compile.ts';
import type { CompiledConfig } from './compiled.ts';
import { namedTypes } from './named-types.ts';

export interface ConfigRequest extends CompileFlags {
  readonly path: string | null;
  readonly yaml: string | null;
  readonly allowUnknown: boolean;
  readonly allowUnsupported: boolean;
  /** --reject-unknown-dynamic-fields */
  readonly rejectUnknownDynamic: boolean;
}

export interface ConfigResult {
  /** null if there are errors: nothing of it may be applied. */
  readonly compiled: CompiledConfig | null;
  /** Errors and warnings, in the order of the source. */
  readonly problems: readonly ConfigProblem[];
}

export async function loadConfig(request: ConfigRequest): Promise<ConfigResult> {
  const loaded = loadBootstrap({
    path: request.path ?? undefined,
    yamlOverlay: request.yaml ?? undefined,
    allowUnknown: request.allowUnknown,
    allowUnsupported: request.allowUnsupported,
  });
  if (loaded.bootstrap === null) return { compiled: null, problems: loaded.problems };
  const compiler = await Compiler.load(request, namedTypes(loaded.bootstrap.staticResources?.listeners));
  const compiled = compiler.bootstrap(loaded.bootstrap, loaded.context);
  const problems = sortProblems(loaded.context.list.problems);
  return { compiled: hasErrors(problems) ? null : compiled, problems };
}
