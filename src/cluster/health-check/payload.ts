/** Payloads of health checks: blocks of bytes that must occur in an answer one after the other, whatever lies between. Source: PayloadMatcher. */

/** @param blocks in hex */
export function parseBlocks(blocks: readonly string[]): readonly Buffer[] {
  return blocks.map((block) => Buffer.from(block, 'hex'));
}

export function containsBlocks(bytes: Buffer, blocks: readonly Buffer[]): boolean {
  let at = 0;
  for (const block of blocks) {
    const found = bytes.indexOf(block, at);
    if (found < 0) return false;
    at = found + block.length;
  }
  return true;
}
