/**
 * Envoy's default tags: which parts of a dotted name are the value of a label, and so are taken out of the metric's name. Tags that a scope was
 * made with come first; these rules find the rest. They work on tokens, so a tagged value may hold dots where Envoy's own patterns end at the first one.
 */

/** A label with its place among a metric's labels: Envoy writes them in the order of its patterns, most specific first. */
export interface Tag {
  readonly label: string;
  readonly value: string;
  readonly rank: number;
}

export interface ExtractedName {
  /** Dotted name without the values of tags. */
  readonly name: string;
  readonly tags: readonly Tag[];
}

/** [tag, pattern over the prefix's tokens]: "*" is any token, "$" the value, a closing "**" any tokens. The last token of a name is never in the pattern. */
const RULES: readonly (readonly [string, string])[] = [
  ['envoy.mongo_callsite', 'mongo.*.collection.*.callsite.$.query'],
  ['envoy.mongo_collection', 'mongo.*.collection.$.**'],
  ['envoy.mongo_cmd', 'mongo.*.cmd.$.**'],
  ['envoy.grpc_bridge_method', 'cluster.*.grpc.*.$'],
  ['envoy.http_user_agent', 'http.*.user_agent.$'],
  ['envoy.virtual_cluster', 'vhost.*.vcluster.$.**'],
  ['envoy.fault_downstream_cluster', 'http.*.fault.$'],
  ['envoy.grpc_bridge_service', 'cluster.*.grpc.$.**'],
  ['envoy.tcp_prefix', 'tcp.$.**'],
  ['envoy.udp_prefix', 'udp.$.**'],
  ['envoy.clientssl_prefix', 'auth.clientssl.$.**'],
  ['envoy.ratelimit_prefix', 'ratelimit.$.**'],
  ['envoy.cluster_name', 'cluster.$.**'],
  ['envoy.http_conn_manager_prefix', 'listener.*.http.$.**'],
  ['envoy.http_conn_manager_prefix', 'http.$.**'],
  ['envoy.worker_id', 'listener.*.%worker_.**'],
  ['envoy.worker_id', 'server.%worker_.**'],
  ['envoy.worker_id', 'listener_manager.%worker_.**'],
  ['envoy.worker_id', 'thread_local_cluster_manager.%worker_.**'],
  ['envoy.listener_address', 'listener.$.**'],
  ['envoy.virtual_host', 'vhost.$.**'],
  ['envoy.mongo_prefix', 'mongo.$.**'],
  ['envoy.rds_route_config', 'http.*.rds.$'],
  ['envoy.scoped_rds_config', 'http.*.scoped_rds.$'],
  ['envoy.route', 'vhost.*.route.$.**'],
  ['envoy.thrift_prefix', 'thrift.$.**'],
  ['envoy.redis_prefix', 'redis.$.**'],
  ['envoy.local_http_ratelimit_prefix', '$.http_local_rate_limit.**'],
  ['envoy.local_network_ratelimit_prefix', 'local_rate_limit.$.**'],
  ['envoy.local_listener_ratelimit_prefix', 'listener_local_ratelimit.$.**'],
  ['envoy.dns_filter_prefix', 'dns_filter.$.**'],
  ['envoy.connection_limit_prefix', 'connection_limit.$.**'],
  ['envoy.ext_authz_prefix', 'cluster.*.ext_authz.$'],
  ['envoy.ext_authz_prefix', 'http.*.ext_authz.$'],
  ['envoy.rbac_policy_name', 'http.*.rbac.policy.$'],
  ['envoy.rbac_policy_name', 'http.*.rbac.*.policy.$'],
  ['envoy.rbac_http_prefix', 'http.*.rbac.$.**'],
  ['envoy.rbac_prefix', '$.rbac.**'],
  ['envoy.google_grpc_client_prefix', 'grpc.$.**'],
  ['envoy.proxy_protocol_version', 'proxy_proto.versions.%v.**'],
  ['envoy.proxy_protocol_version', 'proxy_proto.*.versions.%v.**'],
  ['envoy.proxy_protocol_prefix', 'proxy_proto.$.versions.**'],
];

/** Statistics whose last token is the value: [scope, following token, tag]. */
const LEAF_RULES: readonly (readonly [string, string, string])[] = [
  ['listener', 'cipher', 'envoy.ssl_cipher'],
  ['listener', 'ciphers', 'envoy.ssl_cipher'],
  ['cluster', 'ciphers', 'cipher_suite'],
  ['', 'curves', 'envoy.ssl_curve'],
  ['', 'sigalgs', 'envoy.ssl_sigalg'],
  ['', 'versions', 'envoy.ssl_version'],
];

const RESPONSE_CODE_RANK = -2;
const RESPONSE_CLASS_RANK = -1;
const COMPILED = RULES.map(([tag, pattern]) => ({ tag, parts: pattern.split('.') }));
const RANKS = new Map<string, number>();
COMPILED.forEach((rule, i) => {
  if (!RANKS.has(rule.tag)) RANKS.set(rule.tag, i);
});

/** What is known of a scope's prefix, computed once for all its statistics. */
export interface ExtractedPrefix {
  readonly tokens: readonly string[];
  readonly tags: readonly Tag[];
}

/** @param tags parallel to `tokens`: the tag whose value the token is, or '' */
export function extractPrefix(tokens: readonly string[], tags: readonly string[]): ExtractedPrefix {
  const found: Tag[] = [];
  const kept: (string | null)[] = tokens.slice();
  const known = new Set<string>();
  tags.forEach((tag, i) => {
    if (tag === '') return;
    known.add(tag);
    kept[i] = null;
    found.push({ label: labelName(tag), value: tokens[i]!, rank: RANKS.get(tag) ?? COMPILED.length });
  });
  const whole = joinAddress(tokens, tags, kept);
  for (const rule of COMPILED) {
    if (known.has(rule.tag)) continue;
    const at = matchAt(rule.parts, whole);
    if (at < 0 || kept[at] === null) continue;
    const token = whole[at]!;
    if (rule.tag === 'envoy.listener_address' && token === 'admin') continue;
    known.add(rule.tag);
    const part = rule.parts[at]!;
    // "%worker_" names a token of that text and digits: the digits are the value, the text stays and joins what follows.
    const fixed = part.startsWith('%') ? part.slice(1) : '';
    kept[at] = fixed === '' ? null : '\n' + fixed;
    found.push({ label: labelName(rule.tag), value: token.slice(fixed.length), rank: RANKS.get(rule.tag)! });
  }
  found.sort((a, b) => a.rank - b.rank);
  return { tokens: kept.filter((t) => t !== null), tags: found };
}

/** The name and all tags of the statistic `leaf` under `prefix`. */
export function extractName(prefix: ExtractedPrefix, leaf: string): ExtractedName {
  let name = '';
  for (const token of prefix.tokens) name += token.startsWith('\n') ? token.slice(1) : token + '.';
  const at = leaf.lastIndexOf('_rq_');
  if (at >= 0) {
    const rest = leaf.slice(at + 4);
    if (/^\d{3}$/.test(rest))
      return {
        name: name + leaf.slice(0, at + 3),
        tags: [{ label: 'envoy_response_code', value: rest, rank: RESPONSE_CODE_RANK }, ...prefix.tags],
      };
    if (/^\dxx$/.test(rest))
      return {
        name: name + leaf.slice(0, at + 4) + 'xx',
        tags: [{ label: 'envoy_response_code_class', value: rest[0]!, rank: RESPONSE_CLASS_RANK }, ...prefix.tags],
      };
  }
  const last = prefix.tokens.length - 1;
  if (last > 0 && prefix.tokens[last - 1] === 'ssl') {
    for (const [scope, token, tag] of LEAF_RULES) {
      if (prefix.tokens[last] !== token || (scope !== '' && prefix.tokens[0] !== scope)) continue;
      return { name: name.slice(0, -1), tags: [{ label: labelName(tag), value: leaf, rank: 0 }, ...prefix.tags] };
    }
  }
  return { name: name + leaf, tags: prefix.tags };
}

/** An untagged listener address ("listener.127.0.0.1_80.…") is one value although it holds dots. The others of its tokens become null in `kept`. */
function joinAddress(tokens: readonly string[], tags: readonly string[], kept: (string | null)[]): readonly string[] {
  if (tokens[0] !== 'listener' || tags[1] !== '' || !/^\d{1,3}$/.test(tokens[1] ?? '')) return tokens;
  const end = tokens.findIndex((t, i) => i > 0 && /^\d{1,3}_\d+$/.test(t));
  if (end < 0) return tokens;
  const address = tokens.slice(1, end + 1).join('.');
  kept.splice(1, end, address);
  return [tokens[0], address, ...tokens.slice(end + 1)];
}

/** Index of the token that is the value, or -1. */
function matchAt(parts: readonly string[], tokens: readonly string[]): number {
  let value = -1;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (part === '**') return value;
    const token = tokens[i];
    if (token === undefined) return -1;
    if (part === '$') value = i;
    else if (part.startsWith('%')) {
      if (!token.startsWith(part.slice(1)) || !/^\d+$/.test(token.slice(part.length - 1))) return -1;
      value = i;
    } else if (part !== '*' && part !== token) return -1;
  }
  return tokens.length === parts.length ? value : -1;
}

/** Characters outside [a-zA-Z0-9_] become "_": dots first of all. */
export function labelName(text: string): string {
  return text.replace(/[^a-zA-Z0-9_]/g, '_');
}

export function prometheusName(extracted: string): string {
  return 'envoy_' + labelName(extracted);
}
