/**
 * HTTP header lists. Names are lower case; order and repetition are kept. Values are latin1 strings (one char a byte), most of them
 * slices of the received head. Look-up is a scan: a request has about ten headers, and comparing interned names costs nothing.
 */

const words = (text: string): string[] => text.trim().split(/\s+/);

const SINGLE_IN_BOTH = words(`
  cache-control connection content-encoding content-length content-type keep-alive proxy-connection transfer-encoding upgrade via
  x-envoy-attempt-count x-envoy-decorator-operation x-request-id`);

/**
 * Envoy keeps one value for each of these: a further line is appended to the first with ','. Source: the inline headers of
 * envoy/http/header_map.h and those that Envoy's extensions register, as observed.
 */
export const SINGLE_IN_REQUESTS: ReadonlySet<string> = new Set([
  ...SINGLE_IN_BOTH,
  ...words(`
    accept accept-encoding access-control-request-headers access-control-request-method access-control-request-private-network authorization
    expect grpc-accept-encoding grpc-timeout host if-match if-modified-since if-none-match if-range if-unmodified-since origin pragma referer te
    user-agent x-client-trace-id x-envoy-downstream-service-cluster x-envoy-downstream-service-node x-envoy-expected-rq-timeout-ms
    x-envoy-external-address x-envoy-force-trace x-envoy-hedge-on-per-try-timeout x-envoy-internal x-envoy-ip-tags x-envoy-max-retries
    x-envoy-original-host x-envoy-original-path x-envoy-retriable-header-names x-envoy-retriable-status-codes x-envoy-retry-grpc-on
    x-envoy-retry-on x-envoy-upstream-alt-stat-name x-envoy-upstream-rq-per-try-timeout-ms x-envoy-upstream-rq-timeout-alt-response
    x-envoy-upstream-rq-timeout-ms x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto`),
]);

export const SINGLE_IN_RESPONSES: ReadonlySet<string> = new Set([
  ...SINGLE_IN_BOTH,
  ...words(`
    access-control-allow-credentials access-control-allow-headers access-control-allow-methods access-control-allow-origin
    access-control-allow-private-network access-control-expose-headers access-control-max-age age date etag expires grpc-message grpc-status
    last-modified location proxy-status server vary x-envoy-degraded x-envoy-immediate-health-check-fail x-envoy-ratelimited
    x-envoy-upstream-canary x-envoy-upstream-healthchecked-cluster x-envoy-upstream-service-time`),
]);

const NONE: ReadonlySet<string> = new Set();

export class HeaderMap {
  /** Parallel to `values`. Treat both as read-only outside this class and the codecs. */
  names: string[];
  values: string[];
  /** Every name as the peer spelled it, in order of arrival; null unless case is to be preserved. Not parallel to `names`: looked up by name. */
  rawNames: string[] | null;

  constructor() {
    this.names = [];
    this.values = [];
    this.rawNames = null;
  }

  get size(): number {
    return this.names.length;
  }

  /** First value of `name` (lower case), or undefined. Pseudo headers are fields of the subclasses; see `lookup`. */
  get(name: string): string | undefined {
    const i = this.names.indexOf(name);
    return i < 0 ? undefined : this.values[i];
  }

  has(name: string): boolean {
    return this.names.indexOf(name) >= 0;
  }

  /** All values joined with ',', as header matchers see them; undefined if absent. */
  joined(name: string): string | undefined {
    const names = this.names;
    let i = names.indexOf(name);
    if (i < 0) return undefined;
    let value = this.values[i]!;
    while ((i = names.indexOf(name, i + 1)) >= 0) value += ',' + this.values[i]!;
    return value;
  }

  getAll(name: string): string[] {
    const all: string[] = [];
    for (let i = 0; i < this.names.length; i++) if (this.names[i] === name) all.push(this.values[i]!);
    return all;
  }

  /** Adds a line, whatever is there already. */
  add(name: string, value: string): void {
    this.names.push(name);
    this.values.push(value);
  }

  /** Replaces every line of `name` by one; the first keeps its place. */
  set(name: string, value: string): void {
    const i = this.names.indexOf(name);
    if (i < 0) {
      this.add(name, value);
      return;
    }
    this.values[i] = value;
    if (this.names.indexOf(name, i + 1) >= 0) this.#removeFrom(name, i + 1);
  }

  /** Adds as Envoy appends: joined with ',' on single-line headers, a further line on others. */
  append(name: string, value: string): void {
    const i = this.singleNames().has(name) ? this.names.indexOf(name) : -1;
    if (i < 0) this.add(name, value);
    else this.values[i] = this.values[i] === '' ? value : this.values[i]! + ',' + value;
  }

  /** Removes every line of `name`; tells whether there was one. */
  remove(name: string): boolean {
    const i = this.names.indexOf(name);
    if (i < 0) return false;
    this.#removeFrom(name, i);
    return true;
  }

  removeIf(predicate: (name: string) => boolean): void {
    let kept = 0;
    for (let i = 0; i < this.names.length; i++) if (!predicate(this.names[i]!)) this.#move(i, kept++);
    this.#truncate(kept);
  }

  /** Replaces the value at a known position. */
  setAt(index: number, value: string): void {
    this.values[index] = value;
  }

  /** Value by name with pseudo headers (":path"); several lines joined with ','. What configuration-named look-ups use. */
  lookup(name: string): string | undefined {
    return this.joined(name);
  }

  /** Lengths of all names and values, pseudo headers included, as Envoy counts header bytes. */
  byteSize(): number {
    let size = 0;
    for (let i = 0; i < this.names.length; i++) size += this.names[i]!.length + this.values[i]!.length;
    return size;
  }

  /** Names that hold one value here. */
  protected singleNames(): ReadonlySet<string> {
    return NONE;
  }

  protected copyTo(target: HeaderMap): void {
    target.names = this.names.slice();
    target.values = this.values.slice();
    target.rawNames = this.rawNames === null ? null : this.rawNames.slice();
  }

  #removeFrom(name: string, from: number): void {
    let kept = from;
    for (let i = from; i < this.names.length; i++) if (this.names[i] !== name) this.#move(i, kept++);
    this.#truncate(kept);
  }

  #move(from: number, to: number): void {
    if (from === to) return;
    this.names[to] = this.names[from]!;
    this.values[to] = this.values[from]!;
  }

  #truncate(length: number): void {
    this.names.length = length;
    this.values.length = length;
  }
}

export class RequestHeaders extends HeaderMap {
  method: string;
  /** Path with query; '' when absent (plain CONNECT). */
  path: string;
  /** Host; '' when absent or empty. */
  authority: string;
  /** There is a Host line, but nothing in it (RFC 9112 §3.2 allows that). */
  emptyHost: boolean;
  /** 'http' or 'https'; '' when not known yet. */
  scheme: string;
  /** `:protocol` of an extended CONNECT (RFC 8441); ''  otherwise. */
  protocol: string;

  constructor(method = '', path = '', authority = '', scheme = '') {
    super();
    this.method = method;
    this.path = path;
    this.authority = authority;
    this.emptyHost = false;
    this.scheme = scheme;
    this.protocol = '';
  }

  override lookup(name: string): string | undefined {
    if (name.charCodeAt(0) !== 0x3a) return this.joined(name);
    switch (name) {
      case ':method':
        return this.method;
      case ':path':
        return this.path === '' ? undefined : this.path;
      case ':authority':
        return this.authority === '' ? undefined : this.authority;
      case ':scheme':
        return this.scheme === '' ? undefined : this.scheme;
      case ':protocol':
        return this.protocol === '' ? undefined : this.protocol;
      default:
        return undefined;
    }
  }

  protected override singleNames(): ReadonlySet<string> {
    return SINGLE_IN_REQUESTS;
  }

  override byteSize(): number {
    let size = super.byteSize() + ':method'.length + this.method.length;
    if (this.path !== '') size += ':path'.length + this.path.length;
    if (this.authority !== '') size += ':authority'.length + this.authority.length;
    if (this.scheme !== '') size += ':scheme'.length + this.scheme.length;
    if (this.protocol !== '') size += ':protocol'.length + this.protocol.length;
    return size;
  }

  clone(): RequestHeaders {
    const copy = new RequestHeaders(this.method, this.path, this.authority, this.scheme);
    copy.protocol = this.protocol;
    copy.emptyHost = this.emptyHost;
    this.copyTo(copy);
    return copy;
  }
}

export class ResponseHeaders extends HeaderMap {
  status: number;

  constructor(status = 0) {
    super();
    this.status = status;
  }

  override lookup(name: string): string | undefined {
    return name === ':status' ? String(this.status) : this.joined(name);
  }

  protected override singleNames(): ReadonlySet<string> {
    return SINGLE_IN_RESPONSES;
  }

  override byteSize(): number {
    return super.byteSize() + 10;
  }

  clone(): ResponseHeaders {
    const copy = new ResponseHeaders(this.status);
    this.copyTo(copy);
    return copy;
  }
}
