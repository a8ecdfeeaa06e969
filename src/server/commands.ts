/** The commands of the command line. */
import type { Clock } from '../runtime/clock.ts';
import type { Commands } from './command-line.ts';
import type { ConfigCompiler } from './config-compiler.ts';
import { serve } from './serve.ts';
import { versionText } from './version.ts';

/** What a command needs is loaded when it runs: starting the proxy does not pay for the tools. */
export const commands = (clock: Clock, compiler: ConfigCompiler): Commands => ({
  serve: (options) => serve(options, clock, compiler),
  validate: async (files, flags) => (await import('./validate-command.ts')).validate(files, flags),
  explain: async (flags) => (await import('./explain-command.ts')).explain(flags),
  wait: async (flags) => (await import('./wait-command.ts')).wait(flags),
  top: async (flags) => (await import('./top-command.ts')).top(flags),
  iptables: async (args) => (await import('./iptables-command.ts')).runIptables(args),
  version: versionText,
});
