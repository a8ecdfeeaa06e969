/** On one worker: a bounded memory of failed and slow requests and connections, and counts of all requests while somebody looks. */
import type { RequestOrigin, RequestRecorder } from '../../filters/request-watch.ts';
import { grpcStatusOf } from '../../http/grpc-status.ts';
import { Flag } from '../../http/response-flags.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { Route } from '../../route/route.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { NotedRequest } from './facts.ts';
import { type NoteDeps, note } from './note.ts';
import { noteConnection } from './note-connection.ts';
import { type PathBatch, PathCounts } from './path-counts.ts';

export interface RecorderDeps extends NoteDeps {
  readonly clock: Clock;
  /** Index of this worker. */
  readonly worker: number;
}

/** What the control thread gets when it asks. */
export interface WorkerSample {
  readonly worker: number;
  /** Oldest first. */
  readonly requests: readonly NotedRequest[];
  /** Failed or slow ones that were too many in their second, since the last sample. */
  readonly left: number;
  /** null: nobody looks. */
  readonly paths: PathBatch | null;
}

const KEPT = 256;
/** A note takes some microseconds: a flood of failures must not cost more than a little. */
const FAILED_PER_SECOND = 50;
const SLOW_PER_SECOND = 5;
const NOT_FAILED = Flag.RFCF | Flag.DI;
/** Neither is a connection that was allowed to last so long. */
const NOT_FAILED_CONNECTION = NOT_FAILED | Flag.DT;

export class Recorder implements RequestRecorder {
  readonly #deps: RecorderDeps;
  #notes: NotedRequest[] = [];
  #left = 0;
  #second = 0;
  #failedInSecond = 0;
  #slowInSecond = 0;
  #paths: PathCounts | null = null;
  /** Milliseconds; requests that are slower are noted. */
  slowMs: number;

  constructor(slowMs: number, deps: RecorderDeps) {
    this.slowMs = slowMs;
    this.#deps = deps;
  }

  /** Counts all requests from now on, or no more. @param anew the routes or clusters are others now */
  count(on: boolean, anew: boolean): void {
    // A worker that replaces another must not seem to go on with what that one has told.
    if (on) this.#paths ??= new PathCounts(this.#deps.clock.wallMs());
    else this.#paths = null;
    if (anew) this.#paths?.clear();
  }

  ended(info: StreamInfo, route: Route | null, origin: RequestOrigin): void {
    const grpcStatus = grpcStatusOf(info.requestHeaders, info.responseHeaders, info.responseTrailers, info.responseCode);
    const { responseCode } = info;
    const failed = responseCode >= 500 || responseCode === 0;
    const byGrpcStatus = !failed && grpcStatus !== null && grpcStatus !== 0;
    if (this.#paths !== null) this.#paths.count(info, route, failed || byGrpcStatus, byGrpcStatus);
    if (failed || byGrpcStatus || (info.flags & ~NOT_FAILED) !== 0) this.#note(info, route, origin, 'failed', grpcStatus);
    // A tunnel is open for as long as its ends want.
    else if (info.endMs - info.startMs > this.slowMs && responseCode !== 101 && info.requestHeaders?.method !== 'CONNECT')
      this.#note(info, route, origin, 'slow', grpcStatus);
  }

  connectionEnded(info: StreamInfo, cluster: string): void {
    const failed = (info.flags & ~NOT_FAILED_CONNECTION) !== 0;
    // How long it was open is up to its ends; what a client waits for is that there is somebody to talk to.
    if ((failed || info.poolReadyMs - info.startMs > this.slowMs) && this.#mayNote(failed ? 'failed' : 'slow'))
      this.#keep(noteConnection(info, cluster, failed ? 'failed' : 'slow', this.#deps));
  }

  shadowed(info: StreamInfo, route: Route | null, cluster: string): void {
    if (this.#paths !== null) this.#paths.shadow(info, route, cluster);
  }

  take(): WorkerSample {
    const { worker } = this.#deps;
    const sample = { worker, requests: this.#notes, left: this.#left, paths: this.#paths === null ? null : this.#paths.take() };
    this.#notes = [];
    this.#left = 0;
    return sample;
  }

  #note(info: StreamInfo, route: Route | null, origin: RequestOrigin, why: 'failed' | 'slow', grpcStatus: number | null): void {
    if (this.#mayNote(why)) this.#keep(note(info, route, origin, why, grpcStatus, this.#deps));
  }

  #mayNote(why: 'failed' | 'slow'): boolean {
    const second = Math.floor(this.#deps.clock.nowMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#failedInSecond = 0;
      this.#slowInSecond = 0;
    }
    if (why === 'failed' ? ++this.#failedInSecond > FAILED_PER_SECOND : ++this.#slowInSecond > SLOW_PER_SECOND) {
      this.#left++;
      return false;
    }
    return true;
  }

  #keep(noted: NotedRequest): void {
    // Dropping the oldest half now and then is cheaper than a ring that is read in two pieces, and the bound is the same.
    if (this.#notes.length >= KEPT) this.#notes.splice(0, KEPT / 2);
    this.#notes.push(noted);
  }
}
