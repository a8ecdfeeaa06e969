/** Reads ExportLogsServiceRequest, by itself: it shares nothing with what writes it. */
import { bytesOf, type Fields, messages, number, parse, text } from './otlp-reader.ts';

/** One text for each record: resource, scope, body, attributes, ids. */
export function readOtlpLogs(body: Buffer): string[] {
  return messages(parse(body), 1).flatMap((ofResource) => {
    const resource = messages(ofResource, 1).map((one) => pairs(messages(one, 1)))[0] ?? 'none';
    return messages(ofResource, 2).flatMap((ofScope) => {
      const scope = messages(ofScope, 1).map((one) => ` scope ${text(one, 1)}`)[0] ?? '';
      return messages(ofScope, 2).map((record) => {
        const known = [1, 2, 3, 5, 6, 7, 8, 9, 10, 11];
        const unknown = [...record.keys()].filter((field) => !known.includes(field));
        return [
          `record of ${resource}${scope}${unknown.length === 0 ? '' : ` unknown fields ${unknown.join()}`}`,
          `  time ${number(record, 1) > 0n ? '{some}' : '-'} observed ${number(record, 11) > 0n ? '{some}' : '-'} severity ${number(record, 2)} "${text(record, 3)}"`,
          `  body ${messages(record, 5).map(anyValue)[0] ?? '-'}`,
          `  attributes ${pairs(messages(record, 6))}`,
          `  trace ${bytesOf(record, 9).toString('hex') || '-'} span ${bytesOf(record, 10).toString('hex') || '-'} flags ${number(record, 8)}`,
        ].join('\n');
      });
    });
  });
}

function pairs(list: readonly Fields[]): string {
  return `{${list.map((pair) => `${text(pair, 1)}: ${messages(pair, 2).map(anyValue)[0] ?? 'none'}`).join(', ')}}`;
}

function anyValue(value: Fields): string {
  if (value.has(1)) return JSON.stringify(text(value, 1));
  if (value.has(2)) return String(number(value, 2) === 1n);
  if (value.has(3)) return `int ${BigInt.asIntN(64, number(value, 3))}`;
  if (value.has(4)) {
    const bits = Buffer.alloc(8);
    bits.writeBigUInt64LE(number(value, 4));
    return `double ${bits.readDoubleLE()}`;
  }
  if (value.has(5)) return `[${messages(messages(value, 5)[0]!, 1).map(anyValue).join(', ')}]`;
  if (value.has(6)) return pairs(messages(messages(value, 6)[0]!, 1));
  if (value.has(7)) return `bytes ${bytesOf(value, 7).toString('hex')}`;
  return 'empty';
}
