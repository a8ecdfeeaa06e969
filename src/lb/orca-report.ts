/** What a backend says of its load in its responses: xds.data.orca.v3.OrcaLoadReport in `endpoint-load-metrics-bin`, or in `endpoint-load-metrics` as BIN, JSON or TEXT. */

export interface OrcaReport {
  /** application_utilization, cpu_utilization, rps_fractional, eps, …; members of maps as "named_metrics.<key>". 0 and absent are the same. */
  readonly metrics: ReadonlyMap<string, number>;
}

/** Field numbers of the message's doubles and of its maps from text to double. */
const DOUBLES: Readonly<Record<number, string>> = {
  1: 'cpu_utilization',
  2: 'mem_utilization',
  6: 'rps_fractional',
  7: 'eps',
  9: 'application_utilization',
};
const MAPS: Readonly<Record<number, string>> = { 4: 'request_cost', 5: 'utilization', 8: 'named_metrics' };
const NAMES = new Set(Object.values(DOUBLES));

/** @param bin @param plain values of the two headers; undefined = absent @returns null when they say nothing that can be read */
export function readOrcaReport(bin: string | undefined, plain: string | undefined): OrcaReport | null {
  if (bin !== undefined) return parseOrcaReport(Buffer.from(bin, 'base64'));
  if (plain === undefined) return null;
  const space = plain.indexOf(' ');
  const text = plain.slice(space + 1);
  switch (plain.slice(0, Math.max(space, 0))) {
    case 'BIN':
      return parseOrcaReport(Buffer.from(text, 'base64'));
    case 'TEXT':
      return parseText(text);
    case 'JSON':
      return parseJson(text);
    default:
      return null;
  }
}

/** `cpu_utilization=0.3,named_metrics.foo=1` */
function parseText(text: string): OrcaReport | null {
  const metrics = new Map<string, number>();
  for (const pair of text.split(',')) {
    const at = pair.search(/[=:]/);
    const name = pair.slice(0, at).trim();
    const value = Number(pair.slice(at + 1));
    if (at < 0 || Number.isNaN(value) || (!NAMES.has(name) && !name.includes('.'))) return null;
    metrics.set(name, value);
  }
  return { metrics };
}

function parseJson(text: string): OrcaReport | null {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  const metrics = new Map<string, number>();
  for (const [key, value] of Object.entries(message ?? {})) {
    const name = key.replace(/[A-Z]/g, (letter) => '_' + letter.toLowerCase());
    if (typeof value === 'number') metrics.set(name, value);
    else if (typeof value === 'object' && value !== null)
      for (const [inner, number] of Object.entries(value)) metrics.set(`${name}.${inner}`, Number(number));
  }
  return { metrics };
}

/** The message itself; null if it is none. */
export function parseOrcaReport(bytes: Buffer): OrcaReport | null {
  const metrics = new Map<string, number>();
  return eachField(bytes, 0, bytes.length, (field, double, from, to) => {
    const name = DOUBLES[field];
    if (name !== undefined && from < 0) metrics.set(name, double);
    const map = MAPS[field];
    if (map === undefined || from < 0) return true;
    let key = '';
    let value = 0;
    const sound = eachField(bytes, from, to, (inner, number, start, end) => {
      if (inner === 1 && start >= 0) key = bytes.toString('utf8', start, end);
      else if (inner === 2) value = number;
      return true;
    });
    metrics.set(`${map}.${key}`, value);
    return sound;
  })
    ? { metrics }
    : null;
}

/** @param visit gets a double, or from where to where a length-delimited value goes @returns false if the bytes are no message */
function eachField(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (field: number, double: number, from: number, to: number) => boolean,
): boolean {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < end; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return -1;
  };
  while (at < end) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (tag < 8) return false;
    if (tag % 8 === 0) {
      if (varint() < 0) return false;
    } else if (tag % 8 === 1) {
      if (at + 8 > end || !visit(field, bytes.readDoubleLE(at), -1, -1)) return false;
      at += 8;
    } else if (tag % 8 === 2) {
      const length = varint();
      if (length < 0 || at + length > end || !visit(field, 0, at, at + length)) return false;
      at += length;
    } else if (tag % 8 === 5) at += 4;
    else return false;
  }
  return at === end;
}
