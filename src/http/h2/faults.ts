/** Why a connection is ended, with the code that GOAWAY carries and the words of Envoy's logs. Source: http2/codec_impl.cc, Http2ResponseCodeDetails. */
import type { CodecError } from '../codec.ts';
import { ErrorCode } from './protocol.ts';

export class CodecFault implements CodecError {
  readonly status = 0;
  /** Floods have counters of their own. */
  readonly protocolError: boolean;
  readonly code: ErrorCode;
  /** Of the stream that it happened on. */
  readonly details: string;
  /** What other streams of the connection log. */
  readonly body: string;

  constructor(code: ErrorCode, details: string, body = 'The user callback function failed', protocolError = true) {
    this.protocolError = protocolError;
    this.code = code;
    this.details = details;
    this.body = body;
  }
}

const protocol = (details: string, body?: string): CodecFault => new CodecFault(ErrorCode.ProtocolError, details, body);
const flood = (details: string, body: string): CodecFault => new CodecFault(ErrorCode.EnhanceYourCalm, details, body, false);

const GENERIC = 'http2.unknown.nghttp2.error';
/** Where Envoy's codec names nothing for the stream either. */
const UNNAMED = 'codec_error:The_user_callback_function_failed';

export const fault = {
  preface: protocol(GENERIC, 'Received bad client magic byte string'),
  noSettings: protocol(GENERIC),
  frameSize: new CodecFault(ErrorCode.FrameSizeError, UNNAMED),
  padding: protocol(GENERIC),
  streamZero: protocol(GENERIC),
  streamId: protocol(GENERIC),
  idleStream: protocol(GENERIC),
  closedStream: new CodecFault(ErrorCode.StreamClosed, GENERIC),
  continuation: protocol(GENERIC),
  selfDependency: protocol(GENERIC),
  push: protocol(GENERIC),
  settings: protocol(GENERIC),
  windowIncrement: protocol(GENERIC),
  flowControl: new CodecFault(ErrorCode.FlowControlError, GENERIC),
  compression: new CodecFault(ErrorCode.CompressionError, UNNAMED),
  invalidHeader: protocol('http2.invalid.header.field'),
  messaging: protocol('http2.violation.of.messaging.rule'),
  headerFlood: flood('http2.header_list_size_too_large', 'Too many bytes in a header block'),
  emptyFrames: flood('http2.inbound_empty_frames_flood', 'Too many consecutive frames with an empty payload'),
  priorityFrames: flood('http2.inbound_priority_frames_flood', 'Too many PRIORITY frames'),
  windowUpdates: flood('http2.inbound_window_update_frames_flood', 'Too many WINDOW_UPDATE frames'),
  outboundFlood: flood('http2.outbound_frames_flood', 'Too many frames in the outbound queue.'),
  outboundControlFlood: flood('http2.outbound_control_frames_flood', 'Too many control frames in the outbound queue.'),
} as const;
