/** `outrider explain`: how a configuration would handle a request, without running it. */
import { formatProblem } from '../config/problem.ts';
import { withFiles } from './explain/files.ts';
import { explainOffline } from './explain/offline.ts';
import { type ExplainQuestion, QuestionError, questionFromLine } from './explain/question.ts';
import { renderExplanation } from './explain/render.ts';
import { type ConfigRequest, loadConfig } from './load-config.ts';

export interface ExplainFlags {
  readonly configPath: string;
  readonly request: string;
  /** "name: value" each. */
  readonly header: readonly string[];
  /** "ip:port"; null = found by the URL's port. */
  readonly destination: string | null;
  readonly format: 'text' | 'json';
}

/** @returns 0 explained, 1 the configuration has errors, 2 the request is none */
export async function explain(flags: ExplainFlags): Promise<number> {
  let question: ExplainQuestion;
  try {
    question = questionFromLine(flags.request, flags.header, flags.destination);
  } catch (error) {
    if (!(error instanceof QuestionError)) throw error;
    process.stderr.write(`outrider: ${error.message}\n`);
    return 2;
  }
  const request: ConfigRequest = {
    path: flags.configPath,
    yaml: null,
    allowUnknown: false,
    allowUnsupported: true,
    rejectUnknownDynamic: false,
    strictHttp1: false,
    serviceNode: '',
    serviceCluster: '',
    serviceZone: '',
  };
  const { compiled, problems } = await loadConfig(request);
  if (compiled === null) {
    for (const problem of problems) process.stderr.write(formatProblem(problem) + '\n');
    return 1;
  }
  const whole = await withFiles(compiled, request);
  for (const problem of whole.problems) process.stderr.write(formatProblem(problem) + '\n');
  const [answer] = await explainOffline(compiled, whole, [question]);
  if (answer === undefined || 'error' in answer) {
    process.stderr.write(`outrider: ${answer?.error ?? 'no answer'}\n`);
    return 2;
  }
  process.stdout.write(flags.format === 'json' ? JSON.stringify(answer, null, 2) + '\n' : renderExplanation(answer));
  return 0;
}
