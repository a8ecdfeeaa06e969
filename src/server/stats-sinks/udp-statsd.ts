/** Lines of statsd in datagrams: one each, or as many as fit. */
import type { Socket } from 'node:dgram';
import { nodeModule } from '../../runtime/node-module.ts';
import type { UdpStatsdSettings } from '../../stats/sinks/settings.ts';
import type { SinkStat, StatsSnapshot } from '../../stats/sinks/snapshot.ts';
import { StatsdLines } from '../../stats/sinks/statsd-lines.ts';

export class UdpStatsd {
  readonly #settings: UdpStatsdSettings;
  readonly #lines: StatsdLines;
  readonly #socket: Socket;
  /** Until the address is known, which takes a turn; null then. */
  #early: string[] | null = [];
  #pending = '';

  constructor(settings: UdpStatsdSettings) {
    this.#settings = settings;
    this.#lines = new StatsdLines(settings.prefix, settings.tags);
    const { createSocket } = nodeModule<typeof import('node:dgram')>('node:dgram');
    this.#socket = createSocket(settings.ip.includes(':') ? 'udp6' : 'udp4');
    // Nobody listens: as with any datagram, nothing is known and nothing done.
    this.#socket.on('error', () => undefined);
    this.#socket.connect(settings.port, settings.ip, () => {
      const early = this.#early!;
      this.#early = null;
      for (const datagram of early) this.#socket.send(datagram);
    });
    this.#socket.unref();
  }

  *flush(snapshot: StatsSnapshot): Generator<null> {
    for (const line of this.#lines.flush(snapshot)) {
      if (line === '') yield null;
      else this.#add(line);
    }
    this.#send();
  }

  value(stat: SinkStat, value: number): void {
    this.#add(this.#lines.value(stat, value));
  }

  /** After a batch of values. */
  valuesEnd(): void {
    this.#send();
  }

  close(): void {
    this.#socket.close();
  }

  #add(line: string): void {
    const { maxDatagramBytes } = this.#settings;
    if (Buffer.byteLength(this.#pending) + Buffer.byteLength(line) + 1 > maxDatagramBytes) this.#send();
    this.#pending += this.#pending === '' ? line : '\n' + line;
    // A line that is longer than the limit goes alone.
    if (Buffer.byteLength(line) >= maxDatagramBytes) this.#send();
  }

  #send(): void {
    if (this.#pending === '') return;
    if (this.#early !== null) this.#early.push(this.#pending);
    else this.#socket.send(this.#pending);
    this.#pending = '';
  }
}
