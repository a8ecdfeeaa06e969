/** `/logging`: levels of the process's own log, asked and changed at run time. */
import { LOG_LEVELS, type LogLevel } from '../runtime/logger.ts';
import type { AdminDeps, AdminReply, AdminRequest, Endpoint } from './api.ts';
import { text } from './reply.ts';

const USAGE =
  'usage: /logging?<name>=<level> (change single level)\n' +
  'usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n' +
  'usage: /logging?level=<level> (change all levels)\n' +
  'usage: /logging?group=<group_name>:<level> (change group of loggers)\n' +
  `levels: ${LOG_LEVELS.join(' ')} \n`;

export const loggingEndpoint: Endpoint = {
  path: '/logging',
  help: 'query/change logging levels',
  mutates: true,
  parameters: [
    { name: 'paths', help: 'several changes: <logger1>:<level1>,<logger2>:<level2>' },
    { name: 'level', help: 'level for all loggers', values: ['', ...LOG_LEVELS] },
  ],
  handle: (request, deps) => {
    const error = change(request, deps);
    return error === null ? text(activeLoggers(deps)) : refusal(error, deps);
  },
};

function refusal(error: string, deps: AdminDeps): AdminReply {
  return text(`error: ${error}\n\n${USAGE}${activeLoggers(deps)}`, 400);
}

function activeLoggers(deps: AdminDeps): string {
  let out = 'active loggers:\n';
  for (const [name, logger] of deps.loggers()) out += `  ${name}: ${logger.level}\n`;
  return `${out}\n`;
}

/** @returns null, or what is wrong; then nothing was changed */
function change(request: AdminRequest, deps: AdminDeps): string | null {
  const entries = [...request.params];
  if (entries.length === 0) return null;
  if (entries.length > 1) return 'invalid number of parameters';
  const [key, value] = entries[0]!;
  if (value === '') return null;
  if (key === 'group') return 'group parameter requires fine-grain logging to be enabled';
  const loggers = deps.loggers();
  let changes: [string, string][];
  if (key === 'level') changes = Array.from(loggers.keys(), (name) => [name, value]);
  else if (key === 'paths') {
    changes = value.split(',').map((part) => {
      const colon = part.indexOf(':');
      return colon < 0 ? [part, ''] : [part.slice(0, colon), part.slice(colon + 1)];
    });
  } else changes = [[key, value]];
  for (const [, level] of changes) if (!isLevel(level)) return 'unknown logger level';
  for (const [name] of changes) if (!loggers.has(name)) return 'unknown logger name';
  for (const [name, level] of changes) loggers.get(name)!.setLevel(toLevel(level));
  return null;
}

function isLevel(text: string): boolean {
  return text === 'warn' || (LOG_LEVELS as readonly string[]).includes(text);
}

function toLevel(text: string): LogLevel {
  return text === 'warn' ? 'warning' : (text as LogLevel);
}
