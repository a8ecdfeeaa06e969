/** Statistics that nobody reads: for what runs only to see what it would do. */
import { Counter, Gauge, type Histogram, type StatsScope, type TextReadout } from './scope.ts';

class DiscardScope implements StatsScope {
  readonly #counter = new Counter(new Float64Array(1), 0);
  readonly #gauge = new Gauge(new Float64Array(1), 0);
  readonly #histogram: Histogram = { record: () => undefined };
  readonly #text: TextReadout = { set: () => undefined };

  counter(): Counter {
    return this.#counter;
  }
  gauge(): Gauge {
    return this.#gauge;
  }
  histogram(): Histogram {
    return this.#histogram;
  }
  textReadout(): TextReadout {
    return this.#text;
  }
  scope(): StatsScope {
    return this;
  }
  tagged(): StatsScope {
    return this;
  }
}

export const discardStats: StatsScope = new DiscardScope();
