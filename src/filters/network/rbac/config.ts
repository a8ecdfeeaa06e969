/** Source: envoy.extensions.filters.network.rbac.v3.RBAC. */
import type { CompileContext } from '../../../config/context.ts';
import { RBAC_EnforcementType as Enforcement, type RBAC } from '../../../config/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { durationMs } from '../../../http/config.ts';
import { compileRbacFields } from '../../rbac/config.ts';
import type { RbacSettings } from '../../rbac/settings.ts';

export interface ConnectionRbacSettings extends RbacSettings {
  readonly statPrefix: string;
  /** With every piece of data; otherwise with the first one. */
  readonly continuous: boolean;
  /** Milliseconds until a connection that is refused is closed. */
  readonly delayDenyMs: number;
}

export function compileConnectionRbac(message: RBAC, at: CompileContext): ConnectionRbacSettings {
  return {
    ...compileRbacFields(message, 'connections', at),
    statPrefix: message.statPrefix,
    continuous: message.enforcementType === Enforcement.CONTINUOUS,
    delayDenyMs: durationMs(message.delayDeny) ?? 0,
  };
}
