/** `outrider validate FILE…`: every problem of every file, for people or for tools. */
import { formatProblem, hasErrors } from '../config/problem.ts';
import { loadConfig } from './load-config.ts';

/** @returns 0 if no file has an error, else 1 */
export async function validate(
  files: readonly string[],
  flags: { readonly format: 'text' | 'json'; readonly allowUnsupported: boolean; readonly allowUnknownStaticFields: boolean },
): Promise<number> {
  const results = [];
  for (const path of files) {
    const { problems } = await loadConfig({
      path,
      yaml: null,
      allowUnknown: flags.allowUnknownStaticFields,
      allowUnsupported: flags.allowUnsupported,
      rejectUnknownDynamic: false,
      strictHttp1: false,
      serviceNode: '',
      serviceCluster: '',
      serviceZone: '',
    });
    results.push({ file: path, valid: !hasErrors(problems), problems });
  }
  if (flags.format === 'json') process.stdout.write(JSON.stringify({ results }, null, 2) + '\n');
  else {
    for (const { file, valid, problems } of results) {
      for (const problem of problems) process.stdout.write(formatProblem(problem) + '\n');
      if (valid) process.stdout.write(`${file}: OK\n`);
    }
  }
  return results.every((result) => result.valid) ? 0 : 1;
}
