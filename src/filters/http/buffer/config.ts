/** Buffer filter settings. Source: envoy.extensions.filters.http.buffer.v3.Buffer, BufferPerRoute. */
import type { Buffer, BufferPerRoute } from '../../../config/gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js';

export interface BufferSettings {
  /** 0 = off. */
  readonly maxRequestBytes: number;
}

export function compileBuffer(message: Buffer): BufferSettings {
  // Required by the message's own rules.
  return { maxRequestBytes: message.maxRequestBytes ?? 0 };
}

export function compileBufferOfRoute(message: BufferPerRoute): BufferSettings {
  return message.override.case === 'buffer' ? compileBuffer(message.override.value) : { maxRequestBytes: 0 };
}
