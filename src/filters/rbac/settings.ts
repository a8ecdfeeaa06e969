/** Who may do what: rules of the HTTP and the network rbac filter. Source: envoy.config.rbac.v3.RBAC. */
import type { HeaderMatcherSettings } from '../../http/header-matcher.ts';
import type { MatchTreeSettings } from '../../http/matching/match-tree.ts';
import type { MetadataMatcherSettings } from '../../http/metadata-matcher.ts';
import type { StringMatcherSettings } from '../../http/string-matcher.ts';
import type { SanMatcherSettings } from '../../tls/settings.ts';

export type RbacAction = 'ALLOW' | 'DENY' | 'LOG';

export interface RbacRulesSettings {
  readonly action: RbacAction;
  /** Sorted by name: the first that matches is the one that counts. */
  readonly policies: readonly RbacPolicySettings[];
}

/** A match tree instead of rules: what nothing in it matches is denied. Source: `matcher` of the filters, envoy.config.rbac.v3.Action. */
export interface RbacTreeSettings {
  readonly tree: MatchTreeSettings;
  /** By the numbers that the tree gives. */
  readonly actions: readonly { readonly name: string; readonly action: RbacAction }[];
}

export interface RbacPolicySettings {
  readonly name: string;
  /** One of them has to match, and one of the principals. */
  readonly permissions: readonly RbacRuleSettings[];
  readonly principals: readonly RbacRuleSettings[];
}

export type RbacRuleSettings =
  | { readonly kind: 'any' }
  | { readonly kind: 'all' | 'one'; readonly rules: readonly RbacRuleSettings[] }
  | { readonly kind: 'not'; readonly rule: RbacRuleSettings }
  | { readonly kind: 'header'; readonly header: HeaderMatcherSettings }
  | { readonly kind: 'url_path'; readonly path: StringMatcherSettings }
  | { readonly kind: 'metadata'; readonly metadata: MetadataMatcherSettings; readonly ofRoute: boolean }
  | { readonly kind: 'filter_state'; readonly key: string; readonly value: StringMatcherSettings }
  | { readonly kind: 'requested_server_name'; readonly name: StringMatcherSettings }
  /** "10.0.0.0/8". `remote` is the trusted client address, `direct_remote` the peer of the connection. */
  | { readonly kind: 'address'; readonly of: 'destination' | 'direct_remote' | 'remote'; readonly range: string }
  /** null = whoever speaks TLS. Source: Principal.Authenticated. */
  | { readonly kind: 'authenticated'; readonly principal: StringMatcherSettings | null }
  /** null = whoever has shown a certificate that was found good. Source: envoy.rbac.principals.mtls_authenticated. */
  | { readonly kind: 'mtls_authenticated'; readonly san: SanMatcherSettings | null }
  /** start <= port < end */
  | { readonly kind: 'destination_port'; readonly start: number; readonly end: number };

/** What both filters have; a route's replaces it whole. */
export interface RbacSettings {
  readonly rules: RbacRulesSettings | RbacTreeSettings | null;
  readonly shadowRules: RbacRulesSettings | RbacTreeSettings | null;
  readonly rulesStatPrefix: string;
  readonly shadowRulesStatPrefix: string;
}
