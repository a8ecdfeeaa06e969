/** Source: envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit. */
import type { ConnectionLimit } from '../../../config/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js';
import { durationMs } from '../../../http/config.ts';

export interface ConnectionLimitSettings {
  readonly statPrefix: string;
  readonly maxConnections: number;
  /** Milliseconds after which a connection over the limit is closed. */
  readonly delayMs: number;
  readonly runtimeKey: string;
  readonly enabled: boolean;
}

export function compileConnectionLimit(message: ConnectionLimit): ConnectionLimitSettings {
  return {
    statPrefix: message.statPrefix,
    // Required by the message's own rules; no process has more connections than a double can count.
    maxConnections: Number(message.maxConnections ?? 0n),
    delayMs: durationMs(message.delay) ?? 0,
    runtimeKey: message.runtimeEnabled?.runtimeKey ?? '',
    enabled: message.runtimeEnabled?.defaultValue ?? true,
  };
}
