/**
 * What a peer may make a connection do for little: counted per connection, and over the limit the connection is closed.
 * Source: Envoy's http2/protocol_constraints.cc (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-30255).
 */
import type { Connection } from '../../net/connection.ts';
import { type CodecFault, fault } from './faults.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Backlog, OutboundMeter } from './outbound-meter.ts';
import { FrameFlag, FrameType } from './protocol.ts';
import type { Http2Settings } from './settings.ts';
import type { Http2Stats } from './stats.ts';

export class FloodGuard implements Backlog {
  /** PING, SETTINGS and RST_STREAM frames written so far. */
  controlFrames: number;
  streamsOpened: number;
  shownFrames: number;
  shownControlFrames: number;
  /** null = what waits is not shown. */
  meter: OutboundMeter | null;
  readonly #settings: Http2Settings;
  readonly #stats: Http2Stats;
  readonly #connection: Connection;
  readonly #writer: FrameWriter;
  #emptyFrames: number;
  #priorityFrames: number;
  #windowUpdates: number;
  #dataSent: number;
  /** Frames that are known to have left, of all and of control frames. */
  #left: number;
  #leftControl: number;
  /** The frames written when the connection had been given `#markBytes`. */
  #markBytes: number;
  #mark: number;
  #markControl: number;

  constructor(settings: Http2Settings, stats: Http2Stats, connection: Connection, writer: FrameWriter) {
    this.controlFrames = 0;
    this.streamsOpened = 0;
    this.shownFrames = 0;
    this.shownControlFrames = 0;
    this.meter = null;
    this.#settings = settings;
    this.#stats = stats;
    this.#connection = connection;
    this.#writer = writer;
    this.#emptyFrames = 0;
    this.#priorityFrames = 0;
    this.#windowUpdates = 0;
    this.#dataSent = 0;
    this.#left = 0;
    this.#leftControl = 0;
    this.#markBytes = 0;
    this.#mark = 0;
    this.#markControl = 0;
    writer.guard = this;
  }

  onDataSent(): void {
    this.#dataSent++;
  }

  /** @returns the fault, or null */
  onInboundFrame(type: number, flags: number, length: number): CodecFault | null {
    const settings = this.#settings;
    switch (type) {
      case FrameType.Data:
      case FrameType.Headers:
      case FrameType.Continuation: {
        const padded = (flags & FrameFlag.Padded) !== 0 && type !== FrameType.Continuation;
        if (length > (padded ? 1 : 0) || (flags & FrameFlag.EndStream) !== 0) {
          this.#emptyFrames = 0;
          return null;
        }
        if (++this.#emptyFrames <= settings.maxConsecutiveEmptyFrames) return null;
        this.#stats.inboundEmptyFramesFlood.inc();
        return fault.emptyFrames;
      }
      case FrameType.Priority:
        if (++this.#priorityFrames <= settings.maxPriorityFramesPerStream * (1 + this.streamsOpened)) return null;
        this.#stats.inboundPriorityFramesFlood.inc();
        return fault.priorityFrames;
      case FrameType.WindowUpdate:
        if (++this.#windowUpdates <= 5 + 2 * (this.streamsOpened + settings.maxWindowUpdatesPerDataFrame * this.#dataSent)) return null;
        this.#stats.inboundWindowUpdateFramesFlood.inc();
        return fault.windowUpdates;
      default:
        return null;
    }
  }

  get waitingFrames(): number {
    return this.#writer.frames - this.#left;
  }

  get waitingControlFrames(): number {
    return this.controlFrames - this.#leftControl;
  }

  catchUp(): void {
    this.settle();
    this.settle();
  }

  outboundFlood(): boolean {
    const limit = this.#settings.maxOutboundFrames;
    if (this.waitingFrames <= limit) return false;
    this.catchUp();
    if (this.waitingFrames <= limit) return false;
    this.#stats.outboundFlood.inc();
    return true;
  }

  outboundControlFlood(): boolean {
    const limit = this.#settings.maxOutboundControlFrames;
    if (this.waitingControlFrames <= limit) return false;
    this.catchUp();
    if (this.waitingControlFrames <= limit) return false;
    this.#stats.outboundControlFlood.inc();
    return true;
  }

  /** Notes which frames the kernel has taken. Called whenever frames are handed to the connection; twice in a row it is up to date if nothing waits. */
  settle(): void {
    const connection = this.#connection;
    const unsent = connection.bytesUnsent;
    if (unsent > 0 && this.meter !== null && !this.meter.watches(this)) this.meter.watch(this);
    if (connection.bytesSent - unsent < this.#markBytes) return;
    this.#left = this.#mark;
    this.#leftControl = this.#markControl;
    this.#markBytes = connection.bytesSent + this.#writer.gathered;
    this.#mark = this.#writer.frames;
    this.#markControl = this.controlFrames;
  }
}
