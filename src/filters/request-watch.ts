/**
 * Who wants to know of requests that have ended: the live page. Until somebody looks only failed and slow ones are taken note of, and
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
  /** A copy of a request goes to a cluster that mirrors it. */
  shadowed(info: StreamInfo, route: Route | null, cluster: string): void;
}

interface Early {
  readonly info: StreamInfo;
  readonly route: Route | null;
  readonly origin: RequestOrigin;
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
      this.#note(info, route, origin);
  }

  shadowed(info: StreamInfo, route: Route | null, cluster: string): void {
    if (this.limitMs < 0 && this.#recorder !== null) this.#recorder.shadowed(info, route, cluster);
  }

  #note(info: StreamInfo, route: Route | null, origin: RequestOrigin): void {
    if (this.#recorder !== null) this.#recorder.ended(info, route, origin);
    else if (this.#early === null) {
      this.#early = [{ info, route, origin }];
      void this.recorder();
    } else if (this.#early.length < MAX_EARLY) this.#early.push({ info, route, origin });
  }

  /** Loads it, if it is not there. */
  async recorder(): Promise<RequestRecorder> {
    const recorder = this.#recorder ?? (await this.#load());
    this.#recorder = recorder;
    const early = this.#early;
    this.#early = null;
    if (early !== null) for (const { info, route, origin } of early) recorder.ended(info, route, origin);
    return recorder;
  }
}
