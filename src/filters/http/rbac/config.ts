/** RBAC filter settings, of the filter and of routes. Source: envoy.extensions.filters.http.rbac.v3. */
import type { CompileContext } from '../../../config/context.ts';
import type { RBAC, RBACPerRoute } from '../../../config/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { compileRbacFields } from '../../rbac/config.ts';
import type { RbacSettings } from '../../rbac/settings.ts';

const NOTHING: RbacSettings = { rules: null, shadowRules: null, rulesStatPrefix: '', shadowRulesStatPrefix: '' };

export function compileRbac(message: RBAC, at: CompileContext): RbacSettings {
  return compileRbacFields(message, 'requests', at);
}

/** Without rules the route is free. */
export function compileRbacOfRoute(message: RBACPerRoute, at: CompileContext): RbacSettings {
  return message.rbac === undefined ? NOTHING : compileRbacFields(message.rbac, 'requests', at.field('rbac'));
}
