/** Route configurations and requests made of chance, so that most requests meet some route and many just miss one. */
import type { Random } from '../../src/runtime/random.ts';

export interface RandomRequest {
  readonly listener: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

const WORDS = ['a', 'api', 'cart', 'items', 'Shop', 'v1', 'v2', 'x'];
const HEADERS = ['x-user', 'x-role', 'x-version', 'x-key'];
const VALUES = ['root', 'guest', '7', '42', 'v2-beta', ''];

export class RandomRoutes {
  readonly clusters: readonly string[];
  readonly #random: Random;

  constructor(random: Random, clusters: readonly string[]) {
    this.#random = random;
    this.clusters = clusters;
  }

  /** Virtual hosts with every kind of domain, as YAML of `virtual_hosts`; each route tells its name on the response. */
  virtualHosts(prefix: string, count: number): string {
    const hosts = Array.from({ length: count }, (_, i) => {
      const domains = i === 0 ? ['*'] : this.#domains(i);
      const routes = Array.from({ length: 2 + this.#below(9) }, (_, r) => this.#route(`${prefix}${i}-${r}`));
      const tls = this.#chance(12) ? 'require_tls: EXTERNAL_ONLY, ' : '';
      return `{name: ${prefix}${i}, ${tls}domains: ${JSON.stringify(domains)}, routes: [${routes.join(', ')}]}`;
    });
    return `[${hosts.join(', ')}]`;
  }

  request(listeners: readonly string[]): RandomRequest {
    const headers: [string, string][] = [];
    for (const name of HEADERS) if (this.#chance(3)) headers.push([name, this.#pick(VALUES)]);
    if (this.#chance(4)) headers.push(['x-weight', String(this.#below(100))]);
    if (this.#chance(6)) headers.push(['x-cluster', this.#pick([...this.clusters, 'nowhere'])]);
    if (this.#chance(6)) headers.push(['cookie', `theme=dark; id=${this.#pick(VALUES)}`]);
    if (this.#chance(8)) headers.push(['content-type', this.#pick(['application/grpc', 'application/json'])]);
    if (this.#chance(8)) headers.push(['x-forwarded-proto', this.#pick(['http', 'https'])]);
    if (this.#chance(8)) headers.push(['x-forwarded-for', this.#pick(['10.1.2.3', '8.8.8.8', '1.2.3.4, 10.0.0.1'])]);
    if (this.#chance(6)) headers.push(['x-envoy-upstream-rq-timeout-ms', this.#pick(['1500', '0', 'soon'])]);
    if (this.#chance(8)) headers.push(['x-envoy-upstream-rq-per-try-timeout-ms', '700']);
    if (this.#chance(8)) headers.push(['x-envoy-retry-on', '5xx,reset'], ['x-envoy-max-retries', '4']);
    if (this.#chance(12)) headers.push(['x-envoy-original-path', '/forged']);
    if (this.#chance(20)) headers.push(['connection', 'upgrade'], ['upgrade', 'websocket']);
    return {
      listener: this.#pick(listeners),
      method: this.#pick(['GET', 'GET', 'GET', 'OPTIONS', 'DELETE', 'HEAD']),
      authority: this.#authority(),
      path: this.#path() + this.#query(),
      headers,
    };
  }

  #domains(i: number): string[] {
    const name = `h${i}.test`;
    return [[name], [`*.${name}`, `${name}:8080`], [`h${i}.*`], [name, `www.${name}`]][i % 4]!;
  }

  #authority(): string {
    const i = this.#below(14);
    const host = this.#pick([`h${i}.test`, `h${i}.test`, `www.h${i}.test`, `h${i}.example`, `H${i}.TEST`, 'unknown.test', '[::1]']);
    return host + this.#pick(['', '', '', ':8080', ':81', '.']);
  }

  #path(): string {
    const segments = Array.from({ length: 1 + this.#below(3) }, () => this.#pick(WORDS));
    const path = '/' + segments.join('/');
    const odd = this.#below(16);
    if (odd === 0) return path + '/';
    if (odd === 1) return '/.' + path;
    if (odd === 2) return '/other/..' + path;
    if (odd === 3) return '/' + path;
    if (odd === 4) return path.replace('/a', '/%61') + '%2Fend';
    if (odd === 5) return path + '#part';
    return odd === 6 ? path + ';v=1' : path;
  }

  #query(): string {
    if (!this.#chance(3)) return '';
    return '?' + this.#pick(['v=2', 'v=', 'debug', 'v=21&debug=1', 'q=%20a']);
  }

  #route(name: string): string {
    const say = `response_headers_to_add: [{header: {key: x-route, value: ${name}}}]`;
    return `{name: ${name}, match: {${this.#match()}}, ${say}, ${this.#action()}}`;
  }

  #match(): string {
    const path = '/' + Array.from({ length: 1 + this.#below(2) }, () => this.#pick(WORDS)).join('/');
    const insensitive = this.#chance(4) ? ', case_sensitive: false' : '';
    const parts = [
      this.#pick([
        `prefix: ${path}${insensitive}`,
        `prefix: /${insensitive}`,
        `path: ${path}${insensitive}`,
        `path_separated_prefix: ${path}${insensitive}`,
        `safe_regex: {regex: "${path}(/[a-z0-9]+)*"}`,
        'safe_regex: {regex: ".*/(v1|items)"}',
      ]),
    ];
    if (this.#chance(3)) parts.push(`headers: [${this.#headerMatch()}]`);
    if (this.#chance(5))
      parts.push(`query_parameters: [${this.#pick(['{name: v, string_match: {prefix: "2"}}', '{name: debug, present_match: true}'])}]`);
    if (this.#chance(12)) parts.push('grpc: {}');
    if (this.#chance(12)) parts.push(`runtime_fraction: {default_value: {numerator: ${this.#pick(['0', '100'])}}}`);
    return parts.join(', ');
  }

  #headerMatch(): string {
    const name = this.#pick([...HEADERS, ':method']);
    const how = this.#pick([
      `string_match: {exact: "${this.#pick(VALUES.slice(0, 5))}"}`,
      'string_match: {prefix: "v2", ignore_case: true}',
      'string_match: {safe_regex: {regex: "[0-9]+"}}',
      'string_match: {contains: "oo"}',
      'present_match: true',
      'range_match: {start: 5, end: 40}',
    ]);
    return `{name: "${name}", ${how}${this.#chance(4) ? ', invert_match: true' : ''}}`;
  }

  #action(): string {
    const kind = this.#below(20);
    if (kind === 0) return `direct_response: {status: ${this.#pick(['200', '418', '503'])}, body: {inline_string: "said"}}`;
    if (kind === 1) return 'redirect: {host_redirect: moved.test, path_redirect: /new}';
    if (kind === 2) return 'redirect: {https_redirect: true, strip_query: true, response_code: PERMANENT_REDIRECT}';
    if (kind === 3) return 'redirect: {prefix_rewrite: /re, port_redirect: 8443}';
    if (kind === 4) return 'route: {cluster: missing, cluster_not_found_response_code: NOT_FOUND}';
    if (kind === 5) return `route: {cluster_header: x-cluster${this.#limits()}}`;
    if (kind <= 8) return `route: {weighted_clusters: ${this.#weighted(kind !== 8)}${this.#limits()}}`;
    return `route: {cluster: ${this.#pick(this.clusters)}${this.#limits()}}`;
  }

  #weighted(byHeader: boolean): string {
    const weights = [this.#below(60), this.#below(40), 1 + this.#below(50)];
    const clusters = weights.map((weight) => `{name: ${this.#pick(this.clusters)}, weight: ${weight}}`);
    return `{${byHeader ? 'header_name: x-weight, ' : ''}clusters: [${clusters.join(', ')}]}`;
  }

  #limits(): string {
    let text = '';
    if (this.#chance(3)) text += `, timeout: ${this.#pick(['2s', '0s', '0.9s'])}`;
    if (this.#chance(3)) text += ', retry_policy: {retry_on: "connect-failure", num_retries: 2, per_try_timeout: 0.8s}';
    if (this.#chance(4))
      text += this.#pick([', prefix_rewrite: /under', ', host_rewrite_literal: inner.test', ', host_rewrite_header: x-user']);
    if (this.#chance(6)) text += ', priority: HIGH';
    return text;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }
  #below(n: number): number {
    return this.#random.below(n);
  }
  /** Once in `n` times. */
  #chance(n: number): boolean {
    return this.#random.below(n) === 0;
  }
}
