/** Hash policies from their messages. Source: envoy.config.route.v3.RouteAction.HashPolicy. */
import type { CompileContext } from '../../../config/context.ts';
import type { RouteAction_HashPolicy } from '../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import { compileRegexRewrite, durationMs } from '../../../http/config.ts';
import { canonicalName } from '../../../http/header-lookup.ts';
import { wireText } from '../../../http/wire-text.ts';
import type { HashPolicySettings } from '../../settings.ts';

export function compileHashPolicies(policies: readonly RouteAction_HashPolicy[], at: CompileContext): HashPolicySettings[] {
  return policies.map((policy, i) => compileHashPolicy(policy, at.field('hash_policy', i))).filter((policy) => policy !== null);
}

function compileHashPolicy(policy: RouteAction_HashPolicy, at: CompileContext): HashPolicySettings | null {
  const spec = policy.policySpecifier;
  const terminal = policy.terminal;
  switch (spec.case) {
    case 'header': {
      const rewrite = spec.value.regexRewrite;
      return {
        kind: 'header',
        name: canonicalName(spec.value.headerName),
        rewrite: rewrite === undefined ? null : compileRegexRewrite(rewrite, at.field('header').field('regex_rewrite')),
        terminal,
      };
    }
    case 'cookie': {
      const ttlMs = durationMs(spec.value.ttl);
      return {
        kind: 'cookie',
        name: wireText(spec.value.name),
        ttlSeconds: ttlMs === null ? null : Math.floor(ttlMs / 1000),
        path: wireText(spec.value.path),
        attributes: spec.value.attributes.map(({ name, value }) => ({ name: wireText(name), value: wireText(value) })),
        terminal,
      };
    }
    case 'connectionProperties':
      // Without source_ip it yields nothing, and so is no policy.
      return spec.value.sourceIp ? { kind: 'source_ip', terminal } : null;
    case 'queryParameter':
      return { kind: 'query_parameter', name: wireText(spec.value.name), terminal };
    case 'filterState':
      return { kind: 'filter_state', key: spec.value.key, terminal };
    default:
      return null;
  }
}
