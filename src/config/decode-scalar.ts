/** JSON scalars → protobuf scalars, as lenient as the JSON reader of Envoy's protobuf library and not more. */
import { ScalarType } from '@bufbuild/protobuf';
import type { JsonValue } from './json-value.ts';

/** Why a value was not taken. Thrown nowhere: returned, and turned into a problem with its place by the caller. */
export class Refused {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

export function describe(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function expected(what: string, value: JsonValue): Refused {
  return new Refused(`expected ${what}, got ${describe(value)}`);
}

const RANGES = new Map<ScalarType, readonly [bigint, bigint]>([
  [ScalarType.INT32, [-(2n ** 31n), 2n ** 31n - 1n]],
  [ScalarType.SINT32, [-(2n ** 31n), 2n ** 31n - 1n]],
  [ScalarType.SFIXED32, [-(2n ** 31n), 2n ** 31n - 1n]],
  [ScalarType.UINT32, [0n, 2n ** 32n - 1n]],
  [ScalarType.FIXED32, [0n, 2n ** 32n - 1n]],
  [ScalarType.INT64, [-(2n ** 63n), 2n ** 63n - 1n]],
  [ScalarType.SINT64, [-(2n ** 63n), 2n ** 63n - 1n]],
  [ScalarType.SFIXED64, [-(2n ** 63n), 2n ** 63n - 1n]],
  [ScalarType.UINT64, [0n, 2n ** 64n - 1n]],
  [ScalarType.FIXED64, [0n, 2n ** 64n - 1n]],
]);

export function decodeScalar(type: ScalarType, value: JsonValue): string | number | bigint | boolean | Uint8Array | Refused {
  switch (type) {
    case ScalarType.STRING:
      if (typeof value === 'string') return value;
      // Envoy refuses these too; say what helps.
      if (typeof value === 'number' || typeof value === 'boolean') return new Refused(`expected a string, got ${value}; put it in quotes`);
      return expected('a string', value);
    case ScalarType.BOOL:
      return decodeBoolean(value);
    case ScalarType.BYTES:
      return decodeBytes(value);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return decodeFloat(type, value);
    case ScalarType.UINT32:
      // By far the most frequent: ports, weights, sizes.
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value;
      return decodeInteger(type, value);
    default:
      return decodeInteger(type, value);
  }
}

function decodeBoolean(value: JsonValue): boolean | Refused {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    const word = value.toLowerCase();
    if (word === 'true' || word === 't' || word === 'yes' || word === 'y' || word === '1') return true;
    if (word === 'false' || word === 'f' || word === 'no' || word === 'n' || word === '0') return false;
  }
  return expected('true or false', value);
}

function decodeFloat(type: ScalarType, value: JsonValue): number | Refused {
  let n = Number.NaN;
  if (typeof value === 'number') n = value;
  else if (value === 'NaN') return Number.NaN;
  else if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  else if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  else if (typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value)) n = Number(value);
  if (Number.isNaN(n)) return expected('a number', value);
  const held = type === ScalarType.FLOAT ? Math.fround(n) : n;
  return Number.isFinite(held) ? held : new Refused(`number out of range: ${describe(value)}`);
}

function decodeInteger(type: ScalarType, value: JsonValue): number | bigint | Refused {
  let n: bigint;
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return expected('an integer', value);
    n = BigInt(value);
  } else if (typeof value === 'string' && /^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(value)) {
    n = value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value);
  } else if (typeof value === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value) && Number.isInteger(Number(value))) {
    n = BigInt(Number(value));
  } else {
    return expected('an integer', value);
  }
  const [min, max] = RANGES.get(type)!;
  if (n < min || n > max) return new Refused(`${n} is out of range (${min} to ${max})`);
  return max > 0xffffffffn ? n : Number(n);
}

function decodeBytes(value: JsonValue): Uint8Array | Refused {
  if (typeof value !== 'string') return expected('base64 text', value);
  const digits = value.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(digits) || digits.length % 4 === 1) return new Refused('not valid base64');
  return new Uint8Array(Buffer.from(digits, 'base64'));
}

/** Whole seconds and nanoseconds of `1.5s`. The `s` is required, and nothing but digits and one dot may come before it. */
export function decodeDuration(value: JsonValue): { seconds: bigint; nanos: number } | Refused {
  if (typeof value !== 'string') return new Refused(`expected a duration such as "1.5s", got ${describe(value)}`);
  const m = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(value);
  if (m === null) {
    const number = /^-?\d+(\.\d+)?$/.test(value) ? `; write "${value}s"` : '';
    const millis = /^(\d+)ms$/.exec(value);
    const inSeconds = millis === null ? '' : `; write "${Number(millis[1]) / 1000}s"`;
    return new Refused(`not a duration in seconds such as "1.5s": ${describe(value)}${number}${inSeconds}`);
  }
  const negative = m[1] === '-';
  const seconds = BigInt(m[2]!);
  const nanos = Number((m[3] ?? '').padEnd(9, '0'));
  if (seconds > 315_576_000_000n) return new Refused(`duration out of range: ${describe(value)}`);
  return negative ? { seconds: -seconds, nanos: nanos === 0 ? 0 : -nanos } : { seconds, nanos };
}
