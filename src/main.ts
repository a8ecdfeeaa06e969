/** Process entry: command line and signals on one side, the server on the other. */
import { runCommandLine } from './server/command-line.ts';
import { commands } from './server/commands.ts';

const code = await runCommandLine(process.argv.slice(2), commands);
// A pipe takes a long answer in pieces: the end must not cut it off.
for (const stream of [process.stdout, process.stderr]) {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
// Not only its code: nothing that is still open may keep the process.
process.exit(code);
