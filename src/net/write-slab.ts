/**
 * Where a turn's output is put together. A chunk that lies in the shared read buffer has to be copied before the next read; into strings
 * or buffers of its own it would fill the heap with garbage of its size. What the kernel takes at once, nearly always, leaves nothing behind.
 */
export const SLAB_SIZE = 64 * 1024;

let slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
let used = 0;

/** `text` (latin1) and then `chunk`, side by side. Valid until `reuseSlab`, unless `leaveSlab` is called with it. Both together at most SLAB_SIZE. */
export function joinInSlab(text: string, chunk: Buffer): Buffer {
  const start = used;
  const end = start + text.length + chunk.length;
  if (end > SLAB_SIZE) {
    replaceSlab();
    return joinInSlab(text, chunk);
  }
  used = end;
  if (text.length > 0) slab.latin1Write(text, start, text.length);
  slab.set(chunk, start + text.length);
  return slab.subarray(start, end);
}

/** The kernel has not taken all of `written`: its memory is the pending write's from now on. */
export function leaveSlab(written: Buffer): void {
  if (written.buffer === slab.buffer) replaceSlab();
}

/** Everything that was joined in it has been written. */
export function reuseSlab(): void {
  used = 0;
}

function replaceSlab(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
  used = 0;
}
