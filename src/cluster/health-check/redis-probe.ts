/** Redis check: PING answered by PONG, or EXISTS of a key answered by 0. Source: envoy.health_checkers.redis. */
import type { Address } from '../../net/address.ts';
import type { Connection } from '../../net/connection.ts';
import type { Counter } from '../../stats/scope.ts';
import type { CheckConnector } from './check-connector.ts';
import type { CheckedHost } from './checked-host.ts';
import type { ProbeListener } from './probe.ts';
import type { RedisCheckSettings } from './settings.ts';
import { SocketProbe } from './socket-probe.ts';

/** Replies of one line are all that a healthy server gives; of others the first line tells enough. */
const MAX_LINE = 64 * 1024;

export class RedisProbe extends SocketProbe {
  readonly #command: Buffer;
  readonly #expected: string;
  readonly #existsFailure: Counter;
  readonly #exists: boolean;
  readonly #reuse: boolean;
  #line = '';

  constructor(
    host: CheckedHost,
    listener: ProbeListener,
    connector: CheckConnector,
    settings: RedisCheckSettings,
    reuse: boolean,
    existsFailure: Counter,
  ) {
    super(host, listener, connector);
    this.#exists = settings.key !== '';
    this.#command = this.#exists ? command('EXISTS', settings.key) : command('PING');
    this.#expected = this.#exists ? ':0' : '+PONG';
    this.#existsFailure = existsFailure;
    this.#reuse = reuse;
  }

  /** The host's own: Envoy does not look at health_check_config here. */
  protected override get address(): Address {
    return this.host.address;
  }

  onData(chunk: Buffer): void {
    this.#line += chunk.latin1Slice(0, chunk.length);
    const end = this.#line.indexOf('\r\n');
    if (end < 0 && this.#line.length < MAX_LINE) return;
    const line = this.#line.slice(0, end);
    const simple = line.startsWith('+') || line.startsWith('-') || line.startsWith(':');
    // What is no reply at all, or more of one than was asked for, cannot be followed by another check.
    if (!simple || !this.#reuse || this.#line.length > end + 2) this.disconnect();
    this.#line = '';
    if (!this.busy) return;
    if (!/^[+\-:$*_#,(!=%~>]/.test(line)) {
      this.fail();
      return;
    }
    this.busy = false;
    if (line === this.#expected) this.listener.onPassed(false);
    else {
      if (this.#exists) this.#existsFailure.inc();
      this.listener.onFailed(false, false, 0);
    }
  }

  protected override opened(): void {
    this.#line = '';
  }

  protected send(connection: Connection): void {
    connection.write(this.#command);
  }
}

function command(...words: readonly string[]): Buffer {
  const text = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
  return Buffer.from(`*${words.length}\r\n${text}`);
}
