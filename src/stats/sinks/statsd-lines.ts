/** The statsd protocol, plain, with tags as DogStatsD takes them, and as Graphite does. Source: Envoy's UdpStatsdSink and TcpStatsdSink. */

import { integer } from '../integer.ts';
import type { Tag } from '../tag-extractor.ts';
import { shortNumber } from '../text-writer.ts';
import type { SinkStat, StatsSnapshot } from './snapshot.ts';

export type StatsdTags = 'none' | 'dog' | 'graphite';

export class StatsdLines {
  readonly #prefix: string;
  readonly #tags: StatsdTags;

  constructor(prefix: string, tags: StatsdTags) {
    this.#prefix = prefix + '.';
    this.#tags = tags;
  }

  /** Counters as what they grew by, then gauges; '' now and then. */
  *flush(snapshot: StatsSnapshot): Generator<string> {
    let made = 0;
    for (const { stat, delta } of snapshot.counters) {
      if (++made % 64 === 0) yield '';
      yield this.#line(stat, integer(delta), '|c');
    }
    for (const { stat, value } of snapshot.gauges) {
      if (++made % 64 === 0) yield '';
      yield this.#line(stat, integer(value), '|g');
    }
  }

  /** One value of a histogram; statsd knows milliseconds only, so that everything that is not a share is called that. */
  value(stat: SinkStat, value: number): string {
    return stat.series.unit === 'percent' ? this.#line(stat, shortNumber(value), '|h') : this.#line(stat, String(value), '|ms');
  }

  #line(stat: SinkStat, value: string, type: string): string {
    const { name, tags } = stat.extracted;
    switch (this.#tags) {
      case 'none':
        return this.#prefix + stat.series.fullName + ':' + value + type;
      case 'dog':
        return this.#prefix + name + ':' + value + type + joined('|#', tags, ':', ',');
      case 'graphite':
        return this.#prefix + name + joined(';', tags, '=', ';') + ':' + value + type;
    }
  }
}

function joined(start: string, tags: readonly Tag[], assign: string, separator: string): string {
  return tags.length === 0 ? '' : start + tags.map((t) => t.label + assign + t.value).join(separator);
}
