/** Process entry: command line and signals on one side, the server on the other. */
import { runCommandLine } from './server/command-line.ts';
import { commands } from './server/commands.ts';

// Not only its code: nothing that is still open may keep the process.
process.exit(await runCommandLine(process.argv.slice(2), commands));
