/**
 * Streams that this side has reset lately. Their peer may still be sending, which is to be ignored; on any other stream that is closed
 * it has no business any more. Source: RFC 9113 §5.1, "closed".
 */
const REMEMBERED = 64;

export class RecentResets {
  #ids: Int32Array | null = null;
  #count = 0;

  note(streamId: number): void {
    this.#ids ??= new Int32Array(REMEMBERED);
    this.#ids[this.#count++ % REMEMBERED] = streamId;
  }

  /** Whether frames on the closed stream may be late ones; of what is forgotten nobody can tell. */
  mayBeLate(streamId: number): boolean {
    if (this.#ids === null) return false;
    return this.#count > REMEMBERED || this.#ids.includes(streamId);
  }
}
