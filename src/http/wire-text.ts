/** Configuration text is Unicode; header text is bytes, one a character. This is where the first becomes the second. */

/** UTF-8 bytes of `text`, one latin1 character each. */
export function wireText(text: string): string {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').latin1Slice();
  return text;
}
