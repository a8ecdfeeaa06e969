/** Process entry: command line and signals on one side, the server on the other. */
import { runCommandLine } from './server/command-line.ts';
import { commands } from './server/commands.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), commands);
