/** Timers of the page, all of them: what is done later unless it is put off or called off. A browser has no src/runtime. */
export class Delay {
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `run` is called after `ms`; what was to be done before is not. */
  start(ms: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
