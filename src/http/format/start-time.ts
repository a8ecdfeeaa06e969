/**
 * Times in log lines: strftime as absl::FormatTime knows it (%E3S, %E*S, %Ez …) with Envoy's %s, %f and %1f..%9f. What changes only by
 * the second is rendered once a second.
 */

const DEFAULT_FORMAT = '%Y-%m-%dT%H:%M:%E3SZ';
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;

/** Calendar fields of one second. */
interface Fields {
  readonly epochSeconds: number;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
  readonly offsetMinutes: number;
}

type FieldWriter = (f: Fields) => string;

function two(n: number): string {
  return n < 10 ? '0' + n : String(n);
}
function spaced(n: number): string {
  return n < 10 ? ' ' + n : String(n);
}
function hour12(f: Fields): number {
  return f.hour % 12 === 0 ? 12 : f.hour % 12;
}
function dayOfYear(f: Fields): number {
  return Math.round((Date.UTC(f.year, f.month, f.day) - Date.UTC(f.year, 0, 1)) / 86_400_000) + 1;
}
function offset(f: Fields, separator: string): string {
  const minutes = Math.abs(f.offsetMinutes);
  return (f.offsetMinutes < 0 ? '-' : '+') + two(Math.floor(minutes / 60)) + separator + two(minutes % 60);
}
/** ISO 8601: the week that holds the year's first Thursday is week 1. */
function isoWeek(f: Fields): { readonly year: number; readonly week: number } {
  const thursday = new Date(Date.UTC(f.year, f.month, f.day - ((f.weekday + 6) % 7) + 3));
  const firstOfYear = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return { year: thursday.getUTCFullYear(), week: Math.floor((thursday.getTime() - firstOfYear) / (7 * 86_400_000)) + 1 };
}

const date = (f: Fields): string => `${f.year}-${two(f.month + 1)}-${two(f.day)}`;
const time = (f: Fields): string => `${two(f.hour)}:${two(f.minute)}:${two(f.second)}`;
const usDate = (f: Fields): string => `${two(f.month + 1)}/${two(f.day)}/${two(f.year % 100)}`;

const WRITERS: Readonly<Record<string, FieldWriter>> = {
  Y: (f) => String(f.year),
  C: (f) => two(Math.floor(f.year / 100)),
  y: (f) => two(f.year % 100),
  m: (f) => two(f.month + 1),
  d: (f) => two(f.day),
  e: (f) => spaced(f.day),
  H: (f) => two(f.hour),
  I: (f) => two(hour12(f)),
  k: (f) => spaced(f.hour),
  l: (f) => spaced(hour12(f)),
  M: (f) => two(f.minute),
  S: (f) => two(f.second),
  p: (f) => (f.hour < 12 ? 'AM' : 'PM'),
  P: (f) => (f.hour < 12 ? 'am' : 'pm'),
  a: (f) => DAYS[f.weekday]!.slice(0, 3),
  A: (f) => DAYS[f.weekday]!,
  b: (f) => MONTHS[f.month]!.slice(0, 3),
  h: (f) => MONTHS[f.month]!.slice(0, 3),
  B: (f) => MONTHS[f.month]!,
  j: (f) => String(dayOfYear(f)).padStart(3, '0'),
  u: (f) => String(f.weekday === 0 ? 7 : f.weekday),
  w: (f) => String(f.weekday),
  U: (f) => two(Math.floor((dayOfYear(f) + 6 - f.weekday) / 7)),
  W: (f) => two(Math.floor((dayOfYear(f) + 6 - ((f.weekday + 6) % 7)) / 7)),
  G: (f) => String(isoWeek(f).year),
  g: (f) => two(isoWeek(f).year % 100),
  V: (f) => two(isoWeek(f).week),
  s: (f) => String(f.epochSeconds),
  z: (f) => offset(f, ''),
  Z: (f) => (f.offsetMinutes === 0 ? 'UTC' : offset(f, '')),
  F: date,
  T: time,
  R: (f) => `${two(f.hour)}:${two(f.minute)}`,
  r: (f) => `${two(hour12(f))}:${two(f.minute)}:${two(f.second)} ${f.hour < 12 ? 'AM' : 'PM'}`,
  D: usDate,
  x: usDate,
  X: time,
  c: (f) => `${DAYS[f.weekday]!.slice(0, 3)} ${MONTHS[f.month]!.slice(0, 3)} ${spaced(f.day)} ${time(f)} ${f.year}`,
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
};

/** Digits of the second's fraction, from 1 to 9; -1: as many as are needed (%E*f). */
type Fraction = { readonly digits: number };
type Piece = FieldWriter | Fraction;

const SPECIFIER = /%(?:E([0-9]{1,2}|\*)([Sf])|E([zY4]Y?)|([1-9])?f|([A-Za-z%]))/y;

function parse(format: string): Piece[] {
  const pieces: Piece[] = [];
  let literal = '';
  const push = (...more: Piece[]): void => {
    if (literal !== '') {
      const text = literal;
      pieces.push(() => text);
      literal = '';
    }
    pieces.push(...more);
  };
  for (let i = 0; i < format.length; ) {
    SPECIFIER.lastIndex = i;
    const found = format[i] === '%' ? SPECIFIER.exec(format) : null;
    if (found === null) {
      literal += format[i++]!;
      continue;
    }
    i = SPECIFIER.lastIndex;
    const [text, count, kind, extended, digits, letter] = found;
    if (kind !== undefined) {
      const wanted = count === '*' ? -1 : Math.min(Number(count), 9);
      if (kind === 'S') push(WRITERS['S']!);
      if (kind === 'S' && wanted > 0) literal += '.';
      if (wanted !== 0) push({ digits: wanted });
    } else if (extended !== undefined) {
      push(extended === 'z' ? (f) => offset(f, ':') : WRITERS['Y']!);
    } else if (letter === undefined) push({ digits: digits === undefined ? 9 : Number(digits) });
    else {
      const writer = WRITERS[letter];
      if (writer === undefined) literal += text;
      else push(writer);
    }
  }
  push();
  return pieces;
}

export interface TimeFormatter {
  /** @param wallMs milliseconds since the epoch */
  format(wallMs: number): string;
}

export function compileTimeFormat(format: string | null, local: boolean): TimeFormatter {
  return new CompiledTimeFormat(parse(format === null || format === '' ? DEFAULT_FORMAT : format), local);
}

class CompiledTimeFormat implements TimeFormatter {
  readonly #pieces: readonly Piece[];
  readonly #local: boolean;
  /** Rendered text per run of pieces, valid for #second; every second entry is followed by a fraction. */
  readonly #texts: string[];
  readonly #fractions: number[];
  #second: number;

  constructor(pieces: readonly Piece[], local: boolean) {
    this.#pieces = pieces;
    this.#local = local;
    this.#texts = [];
    this.#fractions = pieces.filter((p): p is Fraction => typeof p !== 'function').map((p) => p.digits);
    this.#second = Number.NaN;
  }

  format(wallMs: number): string {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) this.#render(second);
    let out = this.#texts[0]!;
    for (let i = 0; i < this.#fractions.length; i++) out += fraction(wallMs - second * 1000, this.#fractions[i]!) + this.#texts[i + 1]!;
    return out;
  }

  #render(second: number): void {
    const fields = fieldsOf(second, this.#local);
    this.#second = second;
    this.#texts.length = 0;
    let run = '';
    for (const piece of this.#pieces) {
      if (typeof piece === 'function') run += piece(fields);
      else {
        this.#texts.push(run);
        run = '';
      }
    }
    this.#texts.push(run);
  }
}

function fraction(ms: number, digits: number): string {
  const whole = Math.floor(ms);
  const threeDigits = whole < 10 ? '00' + whole : whole < 100 ? '0' + whole : String(whole);
  if (digits === 3) return threeDigits;
  if (digits > 0 && digits < 3) return threeDigits.slice(0, digits);
  const nine = threeDigits + String(Math.floor((ms - whole) * 1e6)).padStart(6, '0');
  if (digits > 0) return nine.slice(0, digits);
  // %E*S: as precise as needed, and no "." when there is no fraction.
  const needed = nine.replace(/0+$/, '');
  return needed === '' ? '' : '.' + needed;
}

function fieldsOf(epochSeconds: number, local: boolean): Fields {
  const d = new Date(epochSeconds * 1000);
  const offsetMinutes = local ? -d.getTimezoneOffset() : 0;
  // Shifted by the offset, the UTC getters read local time.
  const shifted = offsetMinutes === 0 ? d : new Date(epochSeconds * 1000 + offsetMinutes * 60_000);
  return {
    epochSeconds,
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth(),
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    weekday: shifted.getUTCDay(),
    offsetMinutes,
  };
}
