/** The patterns of `--log-format`: spdlog's flags, as far as they mean something here. Source: Envoy's command line options. */
import type { LineLevel, LogRecord } from './logger.ts';

const SHORT: Readonly<Record<LineLevel, string>> = { trace: 'T', debug: 'D', info: 'I', warning: 'W', error: 'E' };

const two = (n: number): string => String(n).padStart(2, '0');
const three = (n: number): string => String(n).padStart(3, '0');

type Piece = (record: LogRecord, at: Date) => string;

const FLAGS: ReadonlyMap<string, Piece> = new Map<string, Piece>([
  ['Y', (_, at) => String(at.getFullYear())],
  ['C', (_, at) => two(at.getFullYear() % 100)],
  ['m', (_, at) => two(at.getMonth() + 1)],
  ['d', (_, at) => two(at.getDate())],
  ['H', (_, at) => two(at.getHours())],
  ['M', (_, at) => two(at.getMinutes())],
  ['S', (_, at) => two(at.getSeconds())],
  ['T', (_, at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`],
  ['e', (_, at) => three(at.getMilliseconds())],
  ['f', (_, at) => `${three(at.getMilliseconds())}000`],
  ['F', (_, at) => `${three(at.getMilliseconds())}000000`],
  ['E', (_, at) => String(Math.floor(at.getTime() / 1000))],
  ['t', () => String(process.pid)],
  ['P', () => String(process.pid)],
  ['l', (record) => record.level],
  ['L', (record) => SHORT[record.level]],
  ['n', (record) => record.component],
  ['v', (record) => words(record)],
  // One line, whatever a message holds.
  ['_', (record) => words(record).replaceAll('\n', '\\n')],
  ['j', (record) => JSON.stringify(words(record)).slice(1, -1)],
  // Places in the source, which lines do not carry.
  ['g', () => ''],
  ['#', () => ''],
  ['s', () => ''],
  ['!', () => ''],
  ['@', () => ''],
  ['%', () => '%'],
]);

/** Unknown flags stay as they are. */
export function compileLogPattern(pattern: string): (record: LogRecord, wallMs: number) => string {
  const pieces: (string | Piece)[] = [];
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    const piece = pattern[i] === '%' ? FLAGS.get(pattern[i + 1] ?? '') : undefined;
    if (piece === undefined) {
      text += pattern[i]!;
      continue;
    }
    pieces.push(text, piece);
    text = '';
    i++;
  }
  pieces.push(text);
  return (record, wallMs) => {
    const at = new Date(wallMs);
    return pieces.map((piece) => (typeof piece === 'string' ? piece : piece(record, at))).join('');
  };
}

/** The message, and its fields as `name=value`. */
function words({ message, fields }: LogRecord): string {
  let out = message;
  for (const [name, value] of Object.entries(fields)) out += ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  return out;
}
