/** Source: envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit. */
import type { CompileContext } from '../../../config/context.ts';
import type { ConnectionLimit } from '../../../config/gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js';
import { durationMs } from '../../../http/config.ts';

export interface ConnectionLimitSettings {
  /** Where it stands in the configuration: names the count that all workers share. */
  readonly place: string;
  readonly statPrefix: string;
  readonly maxConnections: number;
  /** Milliseconds after which a connection over the limit is closed. */
  readonly delayMs: number;
  readonly runtimeKey: string;
  readonly enabled: boolean;
}

export function compileConnectionLimit(message: ConnectionLimit, at: CompileContext): ConnectionLimitSettings {
  return {
    place: at.path,
    statPrefix: message.statPrefix,
    // Required by the message's own rules; no process has more connections than a double can count.
    maxConnections: Number(message.maxConnections ?? 0n),
    delayMs: durationMs(message.delay) ?? 0,
    runtimeKey: message.runtimeEnabled?.runtimeKey ?? '',
    enabled: message.runtimeEnabled?.defaultValue ?? true,
  };
}
