/** What the processes that a test file has started have written last: shown when one of its tests fails. */

interface ProcessLog {
  readonly name: string;
  readonly read: () => string;
}

/** Processes whose log is kept; a test rarely has more. */
const KEPT = 4;
const LINES = 25;
const CHARACTERS = 400;

const logs: ProcessLog[] = [];

/** @param read everything that the process has written */
export function keepLog(name: string, read: () => string): void {
  logs.push({ name, read });
  if (logs.length > KEPT) logs.shift();
}

/** The last lines of each, '' if none has written anything. */
export function lastLines(): string {
  let text = '';
  for (const { name, read } of logs) {
    const lines = read().trimEnd().split('\n');
    if (lines.length === 1 && lines[0] === '') continue;
    const shown = lines.slice(-LINES).map((line) => (line.length > CHARACTERS ? `${line.slice(0, CHARACTERS)} …` : line));
    text += `--- last lines of ${name}\n${shown.join('\n')}\n`;
  }
  return text;
}
