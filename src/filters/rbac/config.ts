/** Source: envoy.config.rbac.v3.RBAC. */
import type { CompileContext } from '../../config/context.ts';
import type { CidrRange } from '../../config/gen/envoy/config/core/v3/address_pb.js';
import type { TypedExtensionConfig } from '../../config/gen/envoy/config/core/v3/extension_pb.js';
import { MetadataSource } from '../../config/gen/envoy/config/rbac/v3/metadata_source_pb.js';
import {
  RBAC_Action as Action,
  type Action as MatcherAction,
  type Permission,
  type Principal,
  type RBAC,
} from '../../config/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { Config as MtlsAuthenticated } from '../../config/gen/envoy/extensions/rbac/principals/mtls_authenticated/v3/mtls_authenticated_pb.js';
import type { PathMatcher } from '../../config/gen/envoy/type/matcher/v3/path_pb.js';
import type { Matcher } from '../../config/gen/xds/type/matcher/v3/matcher_pb.js';
import { isCidr } from '../../http/address-ranges.ts';
import { compileHeaderMatcher, compileMetadataMatcher, compileStringMatcher } from '../../http/config.ts';
import { compileMatcher, type MatchOwner } from '../../http/matching/config.ts';
import { compileSanMatcher } from '../../tls/validation-config.ts';
import type { RbacAction, RbacRuleSettings, RbacRulesSettings, RbacSettings, RbacTreeSettings } from './settings.ts';

/** The fields that the messages of both filters have. */
export interface RbacFields {
  readonly rules?: RBAC | undefined;
  readonly shadowRules?: RBAC | undefined;
  readonly matcher?: Matcher | undefined;
  readonly shadowMatcher?: Matcher | undefined;
  readonly rulesStatPrefix?: string;
  readonly shadowRulesStatPrefix: string;
}

/** @param of what the rules are asked about: Envoy lets the two filters match on different inputs */
export function compileRbacFields(message: RbacFields, of: 'requests' | 'connections', at: CompileContext): RbacSettings {
  return {
    rules: compileEngine(message.rules, message.matcher, of, at, ''),
    shadowRules: compileEngine(message.shadowRules, message.shadowMatcher, of, at, 'shadow_'),
    rulesStatPrefix: message.rulesStatPrefix ?? '',
    shadowRulesStatPrefix: message.shadowRulesStatPrefix,
  };
}

function compileEngine(
  rules: RBAC | undefined,
  matcher: Matcher | undefined,
  of: 'requests' | 'connections',
  at: CompileContext,
  prefix: string,
): RbacSettings['rules'] {
  const rulesField = `${prefix}rules`;
  const matcherField = `${prefix}matcher`;
  if (matcher === undefined) return rules === undefined ? null : compileRules(rules, at.field(rulesField));
  if (rules !== undefined) at.warn(`${rulesField} and ${matcherField} are both set: only ${matcherField} has an effect`);
  return compileTree(matcher, of, at.field(matcherField));
}

function compileTree(matcher: Matcher, of: 'requests' | 'connections', at: CompileContext): RbacTreeSettings | null {
  const actions: { name: string; action: RbacAction }[] = [];
  const owner: MatchOwner = {
    action: (any, here) => {
      const message = here.unpackAs<MatcherAction>(any, 'envoy.config.rbac.v3.Action');
      return actions.push({ name: message?.name ?? '', action: ACTIONS[message?.action ?? Action.DENY] ?? 'DENY' }) - 1;
    },
    inputRefused: (type) => {
      if (!NOT_ON[of].includes(type)) return null;
      return `RBAC ${of === 'requests' ? 'HTTP filter cannot match on' : 'network filter cannot match'} 'type.googleapis.com/${type}'`;
    },
  };
  const tree = compileMatcher(matcher, owner, at);
  return tree === null ? null : { tree, actions };
}

const OF_NEITHER = [
  'envoy.extensions.matching.common_inputs.network.v3.SourceTypeInput',
  'envoy.type.matcher.v3.HttpRequestQueryParamMatchInput',
];
const NOT_ON: Readonly<Record<'requests' | 'connections', readonly string[]>> = {
  requests: OF_NEITHER,
  connections: [
    ...OF_NEITHER,
    'envoy.type.matcher.v3.HttpRequestHeaderMatchInput',
    'envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput',
  ],
};

const ACTIONS: Readonly<Record<number, RbacAction>> = { [Action.ALLOW]: 'ALLOW', [Action.DENY]: 'DENY', [Action.LOG]: 'LOG' };

function compileRules(message: RBAC, at: CompileContext): RbacRulesSettings {
  const names = Object.keys(message.policies).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return {
    action: ACTIONS[message.action] ?? 'ALLOW',
    policies: names.map((name) => {
      const here = at.key('policies', name);
      const policy = message.policies[name]!;
      return {
        name,
        permissions: policy.permissions.map((permission, i) => compilePermission(permission, here.field('permissions', i))),
        principals: policy.principals.map((principal, i) => compilePrincipal(principal, here.field('principals', i))),
      };
    }),
  };
}

/** Stands where something was refused, and reported. */
const REFUSED: RbacRuleSettings = Object.freeze({ kind: 'any' });

function compilePermission(permission: Permission | undefined, at: CompileContext): RbacRuleSettings {
  const rule = permission?.rule;
  switch (rule?.case) {
    case 'any':
      return { kind: 'any' };
    case 'andRules':
      return { kind: 'all', rules: rule.value.rules.map((one, i) => compilePermission(one, at.field('and_rules').field('rules', i))) };
    case 'orRules':
      return { kind: 'one', rules: rule.value.rules.map((one, i) => compilePermission(one, at.field('or_rules').field('rules', i))) };
    case 'notRule':
      return { kind: 'not', rule: compilePermission(rule.value, at.field('not_rule')) };
    case 'header':
      return { kind: 'header', header: compileHeaderMatcher(rule.value, at.field('header')) };
    case 'urlPath':
      return compilePath(rule.value, at.field('url_path'));
    case 'destinationIp':
      return compileAddress('destination', rule.value, at.field('destination_ip'));
    case 'destinationPort':
      return { kind: 'destination_port', start: rule.value, end: rule.value + 1 };
    case 'destinationPortRange':
      return { kind: 'destination_port', start: rule.value.start, end: rule.value.end };
    case 'metadata':
      return { kind: 'metadata', metadata: compileMetadataMatcher(rule.value, at.field('metadata')), ofRoute: false };
    case 'sourcedMetadata':
      return compileSourcedMetadata(rule.value, at);
    case 'requestedServerName':
      return { kind: 'requested_server_name', name: compileStringMatcher(rule.value, at.field('requested_server_name')) };
    default:
      if (rule?.case === undefined) at.error('a rule is required');
      else at.unsupported(rule.case === 'uriTemplate' ? 'uri_template' : rule.case);
      return REFUSED;
  }
}

function compilePrincipal(principal: Principal | undefined, at: CompileContext): RbacRuleSettings {
  const id = principal?.identifier;
  switch (id?.case) {
    case 'any':
      return { kind: 'any' };
    case 'andIds':
      return { kind: 'all', rules: id.value.ids.map((one, i) => compilePrincipal(one, at.field('and_ids').field('ids', i))) };
    case 'orIds':
      return { kind: 'one', rules: id.value.ids.map((one, i) => compilePrincipal(one, at.field('or_ids').field('ids', i))) };
    case 'notId':
      return { kind: 'not', rule: compilePrincipal(id.value, at.field('not_id')) };
    case 'header':
      return { kind: 'header', header: compileHeaderMatcher(id.value, at.field('header')) };
    case 'urlPath':
      return compilePath(id.value, at.field('url_path'));
    case 'sourceIp':
      return compileAddress('direct_remote', id.value, at.field('source_ip'));
    case 'directRemoteIp':
      return compileAddress('direct_remote', id.value, at.field('direct_remote_ip'));
    case 'remoteIp':
      return compileAddress('remote', id.value, at.field('remote_ip'));
    case 'authenticated': {
      const name = id.value.principalName;
      const here = at.field('authenticated').field('principal_name');
      return { kind: 'authenticated', principal: name === undefined ? null : compileStringMatcher(name, here) };
    }
    case 'custom':
      return compileCustomPrincipal(id.value, at.field('custom'));
    case 'metadata':
      return { kind: 'metadata', metadata: compileMetadataMatcher(id.value, at.field('metadata')), ofRoute: false };
    case 'sourcedMetadata':
      return compileSourcedMetadata(id.value, at);
    case 'filterState': {
      const value = id.value.matcher.case === 'stringMatch' ? id.value.matcher.value : undefined;
      return {
        kind: 'filter_state',
        key: id.value.key,
        value: compileStringMatcher(value, at.field('filter_state').field('string_match')),
      };
    }
    default:
      at.error('an identifier is required');
      return REFUSED;
  }
}

const MTLS_AUTHENTICATED = 'envoy.extensions.rbac.principals.mtls_authenticated.v3.Config';

function compileCustomPrincipal({ typedConfig }: TypedExtensionConfig, at: CompileContext): RbacRuleSettings {
  const here = at.field('typed_config');
  const message = here.unpackAs<MtlsAuthenticated>(typedConfig, MTLS_AUTHENTICATED);
  if (message === null) return REFUSED;
  if (message.sanMatcher !== undefined) {
    const san = compileSanMatcher(message.sanMatcher, here.field('san_matcher'));
    return san === null ? REFUSED : { kind: 'mtls_authenticated', san };
  }
  if (!message.anyValidatedClientCertificate) {
    here.error(
      'envoy.rbac.principals.mtls_authenticated did not have any configured validation. At least one configuration field must be set.',
    );
  }
  return { kind: 'mtls_authenticated', san: null };
}

function compileSourcedMetadata(
  value: { readonly metadataMatcher?: Parameters<typeof compileMetadataMatcher>[0] | undefined; readonly metadataSource: MetadataSource },
  at: CompileContext,
): RbacRuleSettings {
  const here = at.field('sourced_metadata');
  if (value.metadataMatcher === undefined) {
    here.field('metadata_matcher').error('must be set');
    return REFUSED;
  }
  const metadata = compileMetadataMatcher(value.metadataMatcher, here.field('metadata_matcher'));
  return { kind: 'metadata', metadata, ofRoute: value.metadataSource === MetadataSource.ROUTE };
}

function compilePath(matcher: PathMatcher, at: CompileContext): RbacRuleSettings {
  return { kind: 'url_path', path: compileStringMatcher(matcher.rule.case === 'path' ? matcher.rule.value : undefined, at.field('path')) };
}

function compileAddress(of: 'destination' | 'direct_remote' | 'remote', range: CidrRange, at: CompileContext): RbacRuleSettings {
  const text = `${range.addressPrefix}/${range.prefixLen ?? 0}`;
  if (!isCidr(text)) at.error(`malformed IP address: ${range.addressPrefix}`);
  return { kind: 'address', of, range: text };
}
