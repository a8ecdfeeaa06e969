/** `outrider iptables apply|clean|print`: puts the interception rules of `iptables.ts` in place, takes them away, or shows them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseCidr } from '../net/cidr.ts';
import {
  applyText,
  cleanText,
  type InterceptionOptions,
  type IpVersion,
  NOTHING,
  parseSaved,
  routeCommands,
  TABLES,
  type TableName,
  unrouteCommands,
} from './iptables.ts';

/** Says what failed in words for the person who ran the command. */
class InterceptionError extends Error {}

const FAMILIES: readonly IpVersion[] = [4, 6];

/** @param args what follows `outrider iptables` @returns exit code: 0 done, 1 failed, 2 wrong usage */
export async function runIptables(args: readonly string[]): Promise<number> {
  const program = new Command('outrider iptables')
    .description("redirect a workload's TCP traffic to the proxy (own OUTRIDER_* chains; needs NET_ADMIN)")
    .exitOverride()
    .configureOutput({ writeErr: (text) => void process.stderr.write(text), writeOut: (text) => void process.stdout.write(text) });
  withOptions(program.command('apply').description('put the rules in place; running it again replaces them')).action((flags) =>
    apply(toOptions(flags)),
  );
  withOptions(program.command('print').description('show the rules in iptables-restore format')).action((flags) => print(toOptions(flags)));
  program.command('clean').description('take every rule of ours away').action(clean);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof InterceptionError)) throw error;
    process.stderr.write(`outrider iptables: ${error.message}\n`);
    return 1;
  }
}

function withOptions(command: Command): Command {
  return command
    .requiredOption('--proxy-uid <uid>', 'user that the proxy runs as; its traffic is not redirected', parseId)
    .option('--proxy-gid <gid>', 'group whose traffic is not redirected', parseId, '')
    .requiredOption('--proxy-port <port>', 'outbound TCP goes to this port', parsePort)
    .option('--inbound-port <port>', 'inbound TCP goes to this port (default: inbound is left alone)', parsePort, 0)
    .option('--inbound-include <ports>', "ports of inbound TCP that are redirected, '*' for all", parsePorts, ['*'])
    .option('--inbound-exclude <ports>', 'ports of inbound TCP that are left alone', parsePorts, [])
    .option('--outbound-include <cidrs>', "destinations that are redirected, '*' for all", parseRanges, ['*'])
    .option('--outbound-exclude <cidrs>', 'destinations that are left alone', parseRanges, [])
    .option('--outbound-exclude-ports <ports>', 'destination ports that are left alone', parsePorts, [])
    .addOption(new Option('--mode <mode>', 'how inbound traffic is taken').choices(['redirect', 'tproxy']).default('redirect'))
    .option('--dns-port <port>', 'DNS queries go to this port (default: left alone)', parsePort, 0);
}

function toOptions(flags: InterceptionOptions): InterceptionOptions {
  return { ...flags, outboundExcludePorts: withoutStar(flags.outboundExcludePorts), inboundExclude: withoutStar(flags.inboundExclude) };
}

function withoutStar(values: readonly string[]): string[] {
  return values.filter((value) => value !== '*');
}

function parseId(text: string): string {
  // Names are for the system that the rules are applied on to resolve; numbers are the usual case.
  if (!/^[a-z_][a-z0-9_-]*$|^\d{1,10}$/.test(text)) throw new InvalidArgumentError('it must be a number or a name.');
  return text;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535) throw new InvalidArgumentError('it must be a port, 1 to 65535.');
  return port;
}

function parsePorts(text: string): string[] {
  return list(text).map((part) => {
    if (part === '*') return part;
    const ends = part.split(/[:-]/);
    if (ends.length > 2) throw new InvalidArgumentError(`'${part}' is no port and no range of ports.`);
    const ports = ends.map(parsePort);
    if (ports.length === 2 && ports[0]! > ports[1]!) throw new InvalidArgumentError(`'${part}' ends before it begins.`);
    return ports.join(':');
  });
}

function parseRanges(text: string): string[] {
  return list(text).map((part) => {
    if (part !== '*' && parseCidr(part) === null) throw new InvalidArgumentError(`'${part}' is no CIDR range.`);
    return part;
  });
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function print(options: InterceptionOptions): void {
  for (const version of FAMILIES) {
    process.stdout.write(`# IPv${version}: ${restoreProgram(version)} --noflush\n`);
    for (const table of TABLES) process.stdout.write(applyText(table, options, version, NOTHING));
    for (const command of routeCommands(options, version)) process.stdout.write(`# ip ${command.join(' ')}\n`);
  }
}

function apply(options: InterceptionOptions): void {
  for (const version of usedFamilies()) {
    const before = new Map(TABLES.map((table) => [table, saved(version, table)]));
    for (const table of TABLES) restore(version, applyText(table, options, version, before.get(table)!));
    // Only TPROXY has rules in the mangle table, and routes. They are made anew, as they cannot be made twice.
    const commands = routeCommands(options, version);
    if (commands.length > 0 || before.get('mangle')!.chains.length > 0) route(unrouteCommands(version), false);
    route(commands, true);
  }
}

function clean(): void {
  for (const version of usedFamilies()) {
    for (const table of TABLES) {
      const before = saved(version, table);
      restore(version, cleanText(table, before));
      if (table === 'mangle' && before.chains.length > 0) route(unrouteCommands(version), false);
    }
  }
}

/** IPv6 is left out where the kernel has it switched off. */
function usedFamilies(): IpVersion[] {
  const off = !existsSync('/proc/net/if_inet6') || readFileSync('/proc/net/if_inet6', 'latin1') === '';
  return off ? [4] : [4, 6];
}

function restoreProgram(version: IpVersion): string {
  return version === 4 ? 'iptables-restore' : 'ip6tables-restore';
}

function saved(version: IpVersion, table: TableName): ReturnType<typeof parseSaved> {
  return parseSaved(run(version === 4 ? 'iptables-save' : 'ip6tables-save', ['-t', table], ''));
}

function restore(version: IpVersion, text: string): void {
  if (text !== '') run(restoreProgram(version), ['-w', '5', '--noflush'], text);
}

function route(commands: readonly string[][], mustSucceed: boolean): void {
  for (const command of commands) {
    if (mustSucceed) run('ip', command, '');
    else spawnSync('ip', command, { stdio: 'ignore', env: withSystemPath() });
  }
}

function run(program: string, args: readonly string[], input: string): string {
  const result = spawnSync(program, args, { input, encoding: 'utf8', env: withSystemPath() });
  if (result.error !== undefined) {
    const missing = (result.error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new InterceptionError(
      missing ? `${program} was not found: install iptables (and iproute2 for --mode tproxy)` : result.error.message,
    );
  }
  if (result.status === 0) return result.stdout;
  const words = result.stderr.trim().split('\n')[0] ?? '';
  const denied = /permission denied|must be root|operation not permitted/i.test(result.stderr);
  throw new InterceptionError(denied ? `${program}: ${words}; it needs root with the capability NET_ADMIN` : `${program}: ${words}`);
}

/** Plain users often lack the directories that iptables lives in. */
function withSystemPath(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` };
}
