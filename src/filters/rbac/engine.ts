/** Decides by rules whether a request or a connection may pass. Behaviour: Envoy's RoleBasedAccessControlEngineImpl. */
import { AddressRanges } from '../../http/address-ranges.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import { buildHeaderMatcher } from '../../http/header-matcher.ts';
import { buildMatchTree, type MatchTree, NO_ACTION } from '../../http/matching/match-tree.ts';
import { MetadataMatcher } from '../../http/metadata-matcher.ts';
import { pathOnly } from '../../http/query.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { buildStringMatcher, type StringMatcher } from '../../http/string-matcher.ts';
import type { CertificateInfo } from '../../net/tls-info.ts';
import { SanMatcher } from '../../tls/san-matcher.ts';
import type { RbacRuleSettings, RbacRulesSettings, RbacTreeSettings } from './settings.ts';

type Rule = (headers: RequestHeaders | null, info: StreamInfo) => boolean;

/** What has been decided. One object a policy: deciding makes none. */
export interface RbacVerdict {
  /** null = no policy matched. */
  readonly policy: string | null;
  readonly allowed: boolean;
  /** What envoy.common's access_log_hint becomes; null = it stays. */
  readonly logs: boolean | null;
}

export interface RbacEngine {
  /** @param headers null for a connection */
  decide(headers: RequestHeaders | null, info: StreamInfo): RbacVerdict;
}

export function buildRbacEngine(settings: RbacRulesSettings | RbacTreeSettings): RbacEngine {
  return 'tree' in settings ? new TreeEngine(settings) : new RulesEngine(settings);
}

interface Policy {
  readonly permissions: readonly Rule[];
  readonly principals: readonly Rule[];
  readonly verdict: RbacVerdict;
}

/** The first policy that matches counts. */
class RulesEngine implements RbacEngine {
  readonly #policies: readonly Policy[];
  readonly #none: RbacVerdict;

  constructor({ action, policies }: RbacRulesSettings) {
    const verdict = (policy: string | null): RbacVerdict => ({
      policy,
      allowed: action === 'LOG' || (policy !== null) === (action === 'ALLOW'),
      logs: action === 'LOG' ? policy !== null : null,
    });
    this.#policies = policies.map(({ name, permissions, principals }) => ({
      permissions: permissions.map(buildRule),
      principals: principals.map(buildRule),
      verdict: verdict(name),
    }));
    this.#none = verdict(null);
  }

  decide(headers: RequestHeaders | null, info: StreamInfo): RbacVerdict {
    for (let i = 0; i < this.#policies.length; i++) {
      const policy = this.#policies[i]!;
      if (anyOf(policy.permissions, headers, info) && anyOf(policy.principals, headers, info)) return policy.verdict;
    }
    return this.#none;
  }
}

/** Behaviour: Envoy's RoleBasedAccessControlMatcherEngineImpl. */
class TreeEngine implements RbacEngine {
  readonly #tree: MatchTree;
  readonly #verdicts: readonly RbacVerdict[];

  constructor({ tree, actions }: RbacTreeSettings) {
    const logs = actions.some(({ action }) => action === 'LOG');
    this.#tree = buildMatchTree(tree);
    this.#verdicts = actions.map(({ name, action }) => ({
      policy: name,
      allowed: action !== 'DENY',
      logs: logs ? action === 'LOG' : null,
    }));
  }

  decide(headers: RequestHeaders | null, info: StreamInfo): RbacVerdict {
    const action = this.#tree.match(headers, info);
    return action === NO_ACTION ? DENIED : this.#verdicts[action]!;
  }
}

const DENIED: RbacVerdict = { policy: null, allowed: false, logs: null };

function anyOf(rules: readonly Rule[], headers: RequestHeaders | null, info: StreamInfo): boolean {
  for (let i = 0; i < rules.length; i++) if (rules[i]!(headers, info)) return true;
  return false;
}

function allOf(rules: readonly Rule[], headers: RequestHeaders | null, info: StreamInfo): boolean {
  for (let i = 0; i < rules.length; i++) if (!rules[i]!(headers, info)) return false;
  return true;
}

function buildRule(settings: RbacRuleSettings): Rule {
  switch (settings.kind) {
    case 'any':
      return () => true;
    case 'all': {
      const rules = settings.rules.map(buildRule);
      return (headers, info) => allOf(rules, headers, info);
    }
    case 'one': {
      const rules = settings.rules.map(buildRule);
      return (headers, info) => anyOf(rules, headers, info);
    }
    case 'not': {
      const rule = buildRule(settings.rule);
      return (headers, info) => !rule(headers, info);
    }
    case 'header': {
      const matcher = buildHeaderMatcher(settings.header);
      return (headers) => headers !== null && matcher.matches(headers);
    }
    case 'url_path': {
      const matcher = buildStringMatcher(settings.path);
      return (headers) => headers !== null && headers.path !== '' && matcher.matches(pathOnly(headers.path));
    }
    case 'metadata': {
      const matcher = new MetadataMatcher(settings.metadata, settings.ofRoute);
      return (_headers, info) => matcher.matches(info);
    }
    case 'filter_state': {
      const matcher = buildStringMatcher(settings.value);
      return (_headers, info) => {
        const value = info.filterState?.get(settings.key);
        return typeof value === 'string' && matcher.matches(value);
      };
    }
    case 'requested_server_name': {
      const matcher = buildStringMatcher(settings.name);
      return (_headers, info) => matcher.matches(info.connection.requestedServerName);
    }
    case 'authenticated': {
      const matcher = settings.principal === null ? null : buildStringMatcher(settings.principal);
      return (_headers, { connection: { tls } }) => tls !== null && (matcher === null || isPrincipal(tls.peer, matcher));
    }
    case 'mtls_authenticated': {
      const matcher = settings.san === null ? null : new SanMatcher(settings.san);
      return (_headers, { connection: { tls } }) =>
        tls?.peerValidated === true && (matcher === null || (tls.peer !== null && matcher.matches(tls.peer)));
    }
    case 'address':
      return addressRule(settings.of, new AddressRanges([settings.range]));
    case 'destination_port':
      return (_headers, { connection: { localAddress } }) =>
        localAddress.kind === 'ip' && localAddress.port >= settings.start && localAddress.port < settings.end;
  }
}

/** Any of the URIs, then of the DNS names, then the subject. Without a certificate that is nobody, ''. */
function isPrincipal(peer: CertificateInfo | null, matcher: StringMatcher): boolean {
  if (peer === null) return matcher.matches('');
  const { uriSans, dnsSans } = peer;
  for (let i = 0; i < uriSans.length; i++) if (matcher.matches(uriSans[i]!)) return true;
  for (let i = 0; i < dnsSans.length; i++) if (matcher.matches(dnsSans[i]!)) return true;
  return matcher.matches(peer.subject);
}

function addressRule(of: 'destination' | 'direct_remote' | 'remote', ranges: AddressRanges): Rule {
  if (of === 'remote') return (_headers, info) => ranges.contains(info.remoteAddress);
  if (of === 'destination') return (_headers, info) => ranges.contains(info.connection.localAddress);
  return (_headers, info) => ranges.contains(info.connection.directRemoteAddress);
}
