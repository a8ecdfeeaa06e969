/** A fixed number of steps of a fixed number of figures: the oldest step makes room for the newest. */
export class Ring {
  readonly #fields: number;
  readonly #steps: number;
  readonly #values: Float32Array;
  /** Number of the last step; -1 = none yet. */
  #last: number;

  constructor(fields: number, steps: number) {
    this.#fields = fields;
    this.#steps = steps;
    this.#values = new Float32Array(fields * steps).fill(Number.NaN);
    this.#last = -1;
  }

  get last(): number {
    return this.#last;
  }

  /** @param step steps between it and the last one are unknown; an old one is dropped @param values NaN = not known */
  put(step: number, values: ArrayLike<number>): void {
    if (step < this.#last) return;
    if (this.#last >= 0) {
      const from = Math.max(this.#last + 1, step - this.#steps + 1);
      for (let gap = from; gap < step; gap++) this.#values.fill(Number.NaN, this.#at(gap), this.#at(gap) + this.#fields);
    }
    for (let field = 0; field < this.#fields; field++) this.#values[this.#at(step) + field] = values[field]!;
    this.#last = step;
  }

  /** Oldest first, up to the last step; null = not known. */
  series(field: number): (number | null)[] {
    const out: (number | null)[] = [];
    for (let step = this.#last - this.#steps + 1; step <= this.#last; step++) {
      const value = step < 0 ? Number.NaN : this.#values[this.#at(step) + field]!;
      if (Number.isNaN(value)) {
        // What was before the first known step is not listed.
        if (out.length > 0) out.push(null);
      } else out.push(Number(value.toPrecision(6)));
    }
    return out;
  }

  #at(step: number): number {
    return (step % this.#steps) * this.#fields;
  }
}
