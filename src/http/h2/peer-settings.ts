/** What the peer has said of itself. Source: RFC 9113 §6.5.2, RFC 8441 §3. */
import { type CodecFault, fault } from './faults.ts';
import { DEFAULT_WINDOW, MAX_WINDOW, MIN_FRAME_SIZE, SettingId } from './protocol.ts';

export class PeerSettings {
  /** Its first SETTINGS have come. */
  seen: boolean;
  headerTableSize: number;
  maxStreams: number;
  initialWindow: number;
  maxFrame: number;
  allowsConnect: boolean;

  constructor() {
    this.seen = false;
    this.headerTableSize = 4096;
    this.maxStreams = Number.POSITIVE_INFINITY;
    this.initialWindow = DEFAULT_WINDOW;
    this.maxFrame = MIN_FRAME_SIZE;
    this.allowsConnect = false;
  }

  /** A SETTINGS frame's payload, a multiple of six bytes. @returns null if all is well */
  apply(bytes: Buffer, start: number, end: number): CodecFault | null {
    this.seen = true;
    for (let at = start; at < end; at += 6) {
      const error = this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
      if (error !== null) return error;
    }
    return null;
  }

  #set(id: number, value: number): CodecFault | null {
    switch (id) {
      case SettingId.HeaderTableSize:
        this.headerTableSize = value;
        return null;
      case SettingId.EnablePush:
        return value > 1 ? fault.settings : null;
      case SettingId.MaxConcurrentStreams:
        this.maxStreams = value;
        return null;
      case SettingId.InitialWindowSize:
        this.initialWindow = value;
        return value > MAX_WINDOW ? fault.flowControl : null;
      case SettingId.MaxFrameSize:
        this.maxFrame = value;
        return value < MIN_FRAME_SIZE || value > 0xff_ffff ? fault.settings : null;
      case SettingId.EnableConnectProtocol:
        this.allowsConnect = value === 1;
        return value > 1 ? fault.settings : null;
      default:
        return null;
    }
  }
}
