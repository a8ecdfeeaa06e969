/** Splits a format string into literal text and operator calls. Grammar: `%NAME[(args)][:length]%`, `%%` for a percent sign. */
import { FormatError, type OperatorCall } from './operator.ts';

export type FormatPart = { readonly literal: string } | { readonly call: OperatorCall; readonly position: number };

/** The arguments end at the first ")" that the operator's end follows: START_TIME takes any text on one line. */
const CALL = /%([A-Z0-9_]+)(?:\((.*?)\))?(?::([0-9]+))?%/y;

/** @throws FormatError */
export function parseFormat(format: string): FormatPart[] {
  const parts: FormatPart[] = [];
  let literal = '';
  for (let i = 0; i < format.length; ) {
    if (format[i] !== '%') {
      const next = format.indexOf('%', i);
      const end = next < 0 ? format.length : next;
      literal += format.slice(i, end);
      i = end;
      continue;
    }
    if (format[i + 1] === '%') {
      literal += '%';
      i += 2;
      continue;
    }
    CALL.lastIndex = i;
    const found = CALL.exec(format);
    if (found === null) throw new FormatError(`Incorrect configuration: ${format}. Couldn't find valid command at position ${i}`, i);
    if (literal !== '') parts.push({ literal });
    literal = '';
    const call = { name: found[1]!, args: found[2] ?? null, maxLength: found[3] === undefined ? null : Number(found[3]) };
    parts.push({ call, position: i });
    i = CALL.lastIndex;
  }
  if (literal !== '') parts.push({ literal });
  return parts;
}
