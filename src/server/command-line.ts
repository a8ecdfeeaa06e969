/** The command line: Envoy's flags on the bare command, Outrider's own tools as sub-commands. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { didYouMean } from '../config/suggest.ts';
import { LOG_COMPONENTS } from '../runtime/log-components.ts';
import { LOG_LEVELS, type LogLevel } from '../runtime/logger.ts';
import { DEFAULT_OPTIONS, type ServerOptions } from './options.ts';

export interface Commands {
  serve(options: ServerOptions): Promise<number>;
  validate(
    files: string[],
    flags: { format: 'text' | 'json'; allowUnsupported: boolean; allowUnknownStaticFields: boolean },
  ): Promise<number>;
  explain(flags: {
    configPath: string;
    request: string;
    header: string[];
    destination: string | null;
    format: 'text' | 'json';
  }): Promise<number>;
  wait(flags: { timeoutSeconds: number; admin: string }): Promise<number>;
  top(flags: { admin: string; once: boolean }): Promise<number>;
  iptables(args: string[]): Promise<number>;
  version(): string;
}

/** Flags of Envoy that this process accepts and has no use for. */
const WITHOUT_MEANING = [
  '--base-id',
  '--restart-epoch',
  '--disable-hot-restart',
  '--use-dynamic-base-id',
  '--base-id-path',
  '--skip-hot-restart-on-no-parent',
  '--skip-hot-restart-parent-stats',
  '--socket-path',
  '--socket-mode',
  '--cpuset-threads',
  '--hot-restart-version',
  '--enable-core-dump',
  '--enable-fine-grain-logging',
  '--log-format-escaped',
  '--stats-tag',
  '--disable-extensions',
  '--parent-shutdown-time-s',
  '--bootstrap-version',
];

/** Runs what `argv` (without node and script) asks for. @returns the exit code: 0 done, 1 failed, 2 wrong usage */
export async function runCommandLine(argv: readonly string[], commands: Commands): Promise<number> {
  let exitCode = 0;
  const program = new Command('outrider')
    .description('Envoy-compatible sidecar and edge proxy')
    .version(commands.version(), '--version', 'print the version')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: (text) => void process.stderr.write(text), writeOut: (text) => void process.stdout.write(text) });

  serveFlags(program).action(async (flags: Record<string, unknown>) => {
    const options = toOptions(flags, argv);
    if (options.configPath === null && options.configYaml === null && !options.example) {
      process.stderr.write('outrider: no configuration: give -c FILE, --config-yaml TEXT, or --example\n');
      exitCode = 2;
      return;
    }
    exitCode = await commands.serve(options);
  });

  program
    .command('validate <files...>')
    .description('check configuration files; every error with its place')
    .addOption(new Option('--format <format>', 'output').choices(['text', 'json']).default('text'))
    .option('--allow-unsupported', 'warn about what is valid but not implemented instead of refusing it', false)
    .option('--allow-unknown-static-fields', 'warn about unknown fields instead of refusing them', false)
    .action(async (files: string[], flags) => {
      exitCode = await commands.validate(files, flags);
    });

  program
    .command('explain')
    .description('tell how a request would be handled, and why')
    .requiredOption('-c, --config-path <file>', 'bootstrap file')
    .requiredOption('--request <request>', "e.g. 'GET http://host/path'")
    .option('-H, --header <header>', "a request header, 'name: value'", (value: string, all: string[]) => [...all, value], [] as string[])
    .option('--destination <ip:port>', 'original destination of the connection')
    .addOption(new Option('--format <format>', 'output').choices(['text', 'json']).default('text'))
    .action(async (flags) => {
      exitCode = await commands.explain({ ...flags, destination: flags.destination ?? null });
    });

  program
    .command('wait')
    .description('wait until a running proxy is ready')
    .option('--timeout <seconds>', 'give up after', seconds, 30)
    .option('--admin <host:port>', 'its admin address', '127.0.0.1:9901')
    .action(async (flags: { timeout: number; admin: string }) => {
      exitCode = await commands.wait({ timeoutSeconds: flags.timeout, admin: flags.admin });
    });

  program
    .command('top')
    .description('watch a running proxy: listeners, clusters, hosts, failed requests; q ends it')
    .option('--admin <host:port>', 'its admin address', '127.0.0.1:9901')
    .option('--once', 'print what there is now, and end', false)
    .action(async (flags: { admin: string; once: boolean }) => {
      exitCode = await commands.top(flags);
    });

  program
    .command('iptables')
    .description('redirect traffic to the proxy: apply, clean or print rules')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .argument('[args...]')
    .passThroughOptions()
    .action(async (args: string[]) => {
      exitCode = await commands.iptables(args);
    });

  try {
    await program.parseAsync(argv as string[], { from: 'user' });
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (!code.startsWith('commander.')) throw error;
    return code === 'commander.helpDisplayed' || code === 'commander.version' || code === 'commander.help' ? 0 : 2;
  }
  return exitCode;
}

function serveFlags(program: Command): Command {
  const d = DEFAULT_OPTIONS;
  program
    .option('-c, --config-path <file>', 'bootstrap: YAML, JSON or .pb')
    .option('--config-yaml <text>', 'bootstrap text, merged over the file')
    .option('--example', 'run the built-in example and its upstream services', false)
    .addOption(new Option('--mode <mode>', 'what to do').choices(['serve', 'validate', 'init_only']).default(d.mode))
    .option('--concurrency <n>', 'worker threads', wholeNumber, d.concurrency)
    .addOption(new Option('-l, --log-level <level>', 'log level').choices([...LOG_LEVELS, 'warn']).default(d.logLevel))
    .option('--log-format <pattern>', 'lines of text by this pattern, e.g. "[%Y-%m-%d %T.%e][%l][%n] %v"; without it lines are JSON')
    .option('--log-path <file>', 'log to a file instead of stderr')
    .option('--component-log-level <list>', 'e.g. http:debug,upstream:info', componentLogLevels)
    .option('--service-node <id>', 'node id', '')
    .option('--service-cluster <name>', 'node cluster', '')
    .option('--service-zone <zone>', 'zone', '')
    .option('--drain-time-s <seconds>', 'time a drain takes', wholeNumber, d.drainTimeSeconds)
    .addOption(new Option('--drain-strategy <strategy>', 'how a drain proceeds').choices(['gradual', 'immediate']).default(d.drainStrategy))
    .option('--admin-address-path <file>', 'write the admin address there')
    .option(
      '--admin-host-names <names>',
      'let browsers reach the admin interface under these too, e.g. mesh.example.com,*.ops.example.com',
      hostNames,
    )
    .addOption(
      new Option('--local-address-ip-version <version>', 'family of the local address')
        .choices(['v4', 'v6'])
        .default(d.localAddressIpVersion),
    )
    .option('--file-flush-interval-msec <ms>', 'access-log flush interval', wholeNumber, d.fileFlushIntervalMs)
    .option('--redact-headers <names>', 'show no value of these in logs, traces and taps, e.g. authorization,cookie', headerNames)
    .option('--allow-unknown-static-fields', 'warn about unknown fields of the bootstrap', false)
    .option('--reject-unknown-dynamic-fields', 'refuse unknown fields of dynamic resources', false)
    .option('--ignore-unknown-dynamic-fields', 'pass over unknown fields of dynamic resources', false)
    .option('--allow-unsupported', 'warn about what is valid but not implemented instead of refusing it', false)
    .option('--strict-http1', 'refuse what Envoy accepts beyond RFC 9112', false)
    .option('--watch', 'reload the bootstrap file when it changes', false)
    .option('--termination-grace-s <seconds>', 'how long SIGTERM waits for work in flight', wholeNumber, d.terminationGraceSeconds);
  for (const flag of WITHOUT_MEANING) program.addOption(new Option(flag + ' [value]', 'accepted for compatibility').hideHelp());
  return program;
}

function toOptions(flags: Record<string, unknown>, argv: readonly string[]): ServerOptions {
  const level = flags['logLevel'] === 'warn' ? 'warning' : (flags['logLevel'] as LogLevel);
  return {
    ...DEFAULT_OPTIONS,
    configPath: text(flags['configPath']),
    configYaml: text(flags['configYaml']),
    example: flags['example'] === true,
    mode: flags['mode'] as ServerOptions['mode'],
    concurrency: Math.max(1, flags['concurrency'] as number),
    logLevel: level,
    logFormat: text(flags['logFormat']),
    logPath: text(flags['logPath']),
    componentLogLevels: (flags['componentLogLevel'] as ServerOptions['componentLogLevels'] | undefined) ?? {},
    serviceNode: flags['serviceNode'] as string,
    serviceCluster: flags['serviceCluster'] as string,
    serviceZone: flags['serviceZone'] as string,
    drainTimeSeconds: flags['drainTimeS'] as number,
    drainStrategy: flags['drainStrategy'] as ServerOptions['drainStrategy'],
    adminAddressPath: text(flags['adminAddressPath']),
    adminHostNames: (flags['adminHostNames'] as readonly string[] | undefined) ?? [],
    localAddressIpVersion: flags['localAddressIpVersion'] as 'v4' | 'v6',
    fileFlushIntervalMs: flags['fileFlushIntervalMsec'] as number,
    redactHeaders: (flags['redactHeaders'] as readonly string[] | undefined) ?? [],
    allowUnknownStaticFields: flags['allowUnknownStaticFields'] === true,
    rejectUnknownDynamicFields: flags['rejectUnknownDynamicFields'] === true,
    ignoreUnknownDynamicFields: flags['ignoreUnknownDynamicFields'] === true,
    allowUnsupported: flags['allowUnsupported'] === true,
    strictHttp1: flags['strictHttp1'] === true,
    watch: flags['watch'] === true,
    terminationGraceSeconds: flags['terminationGraceS'] as number,
    ignoredFlags: WITHOUT_MEANING.filter((flag) => argv.some((arg) => arg === flag || arg.startsWith(flag + '='))),
  };
}

function headerNames(list: string): readonly string[] {
  return names(list, /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/, 'the name of a header');
}

function hostNames(list: string): readonly string[] {
  return names(list, /^(?:\*\.)?[0-9a-z_-]+(?:\.[0-9a-z_-]+)*$/, 'the name of a host');
}

/** Between commas, in lower case. */
function names(list: string, form: RegExp, what: string): readonly string[] {
  const all = list.split(',').map((name) => name.trim().toLowerCase());
  for (const name of all) if (!form.test(name)) throw new InvalidArgumentError(`'${name}' is not ${what}`);
  return all;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('a whole number is expected');
  return Number(value);
}

/** "http:debug,upstream:info" */
function componentLogLevels(value: string): Record<string, LogLevel> {
  const levels: Record<string, LogLevel> = {};
  for (const part of value.split(',')) {
    const [name = '', level = '', ...rest] = part.split(':');
    if (rest.length > 0 || level === '') throw new InvalidArgumentError(`component log level not correctly specified '${part}'`);
    if (!LOG_COMPONENTS.includes(name))
      throw new InvalidArgumentError(`invalid component specified '${name}'${didYouMean(name, LOG_COMPONENTS)}`);
    const known = level === 'warn' ? 'warning' : LOG_LEVELS.find((l) => l === level);
    if (known === undefined) throw new InvalidArgumentError(`invalid log level specified '${level}'`);
    levels[name] = known;
  }
  return levels;
}

/** "30", "30s" or "500ms". */
function seconds(value: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(value);
  if (match === null) throw new InvalidArgumentError('a time such as 30s is expected');
  return Number(match[1]) / (match[2] === 'ms' ? 1000 : 1);
}
