/** Process entry: command line and signals on one side, the server on the other. */
import { RealClock } from './runtime/real-clock.ts';
import { ConfigCompiler } from './server/config-compiler.ts';

const argv = process.argv.slice(2);
const clock = new RealClock();
const compiler = new ConfigCompiler(clock);
// The start waits for nothing as long as for the API to be loaded there: that begins before anything else is loaded here.
if (startsProxy()) compiler.prepare();
const [{ runCommandLine }, { commands }] = await Promise.all([import('./server/command-line.ts'), import('./server/commands.ts')]);
const code = await runCommandLine(argv, commands(clock, compiler));
// A pipe takes a long answer in pieces: the end must not cut it off.
for (const stream of [process.stdout, process.stderr]) {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
// Not only its code: nothing that is still open may keep the process.
process.exit(code);

/** By a glance at the arguments: being wrong costs a thread that nobody asks. */
function startsProxy(): boolean {
  const others = ['--help', '-h', '--version', 'validate', '--mode=validate'];
  return argv[0]?.startsWith('-') === true && !argv.some((arg) => others.includes(arg));
}
