/** Pieces of an answer that are good only until the next one is asked for, as one text. */
export function joined(pieces: Iterable<string | Uint8Array>): string {
  let text = '';
  for (const piece of pieces) text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
  return text;
}
