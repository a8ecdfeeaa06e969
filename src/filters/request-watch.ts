/**
 * Who wants to know of requests, and of connections that carried anything else, that have ended: the live page. Until somebody looks only failed and slow ones are taken note of, and
 * what notes them is loaded for the first of these.
 */
import { Flag } from '../http/response-flags.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Route, RouteTable } from '../route/route.ts';

/** The connection manager of a request. */
export interface RequestOrigin {
  readonly routeTable: () => RouteTable | null;
  readonly settings: { readonly streamIdleTimeoutMs: number };
}

export interface RequestRecorder {
  /** A request has ended. */
  ended(info: StreamInfo, route: Route | null, origin: RequestOrigin): void;
  /** A connection has ended that was carried as it is. @param cluster that it was for, there or not */
  connectionEnded(info: StreamInfo, cluster: string): void;
  /** A copy of a request goes to a cluster that mirrors it. */
  shadowed(info: StreamInfo, route: Route | null, cluster: string): void;
}

interface Early {
  readonly info: StreamInfo;
  readonly route: Route | null;
  /** null = a connection. */
  readonly origin: RequestOrigin | null;
  readonly cluster: string;
}

/** Not a failure: the answer came from a cache. */
const NOTABLE = ~Flag.RFCF;
/** Nothing waits longer for the recorder to be loaded. */
const MAX_EARLY = 16;

export class RequestWatch {
  /** Milliseconds above which a request is worth noting; negative = every request is looked at. */
  limitMs: number;
  #recorder: RequestRecorder | null;
  readonly #load: () => Promise<RequestRecorder>;
  /** Requests that ended while it is loaded. */
  #early: Early[] | null;

  constructor(limitMs: number, load: () => Promise<RequestRecorder>) {
    this.limitMs = limitMs;
    this.#recorder = null;
    this.#load = load;
    this.#early = null;
  }

  ended(info: StreamInfo, route: Route | null, origin: RequestOrigin): void {
    // No answer at all has the code 0, which this turns into the largest number.
    if ((info.responseCode - 1) >>> 0 > 498 || (info.flags & NOTABLE) !== 0 || info.endMs - info.startMs > this.limitMs)
      this.#note(info, route, origin, '');
  }

  /** @param cluster that it was for, there or not */
  connectionEnded(info: StreamInfo, cluster: string): void {
    if ((info.flags & NOTABLE) !== 0 || info.poolReadyMs - info.startMs > this.limitMs) this.#note(info, null, null, cluster);
  }

  shadowed(info: StreamInfo, route: Route | null, cluster: string): void {
    if (this.limitMs < 0 && this.#recorder !== null) this.#recorder.shadowed(info, route, cluster);
  }

  #note(info: StreamInfo, route: Route | null, origin: RequestOrigin | null, cluster: string): void {
    if (this.#recorder !== null) {
      if (origin === null) this.#recorder.connectionEnded(info, cluster);
      else this.#recorder.ended(info, route, origin);
    } else if (this.#early === null) {
      this.#early = [{ info, route, origin, cluster }];
      void this.recorder();
    } else if (this.#early.length < MAX_EARLY) this.#early.push({ info, route, origin, cluster });
  }

  /** Loads it, if it is not there. */
  async recorder(): Promise<RequestRecorder> {
    const recorder = this.#recorder ?? (await this.#load());
    this.#recorder = recorder;
    const early = this.#early;
    this.#early = null;
    if (early !== null) for (const { info, route, origin, cluster } of early) this.#note(info, route, origin, cluster);
    return recorder;
  }
}
