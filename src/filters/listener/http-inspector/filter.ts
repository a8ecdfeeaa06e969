/** Detects plain-text HTTP from the first bytes, for filter chains that match application protocols. */
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { AcceptedConnection, FilterDeps, ListenerFilter, ListenerFilterFactory } from '../../api.ts';
import { ListenerFilterStatus } from '../../api.ts';

/** Envoy's Config::MAX_INSPECT_SIZE: a request line that is longer ends the connection. */
const MAX_INSPECT_SIZE = 64 * 1024;
const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HTTP10: readonly string[] = ['http/1.0'];
const HTTP11: readonly string[] = ['http/1.1'];
const H2C: readonly string[] = ['h2c'];

class HttpInspectorStats {
  readonly readError: Counter;
  readonly http10Found: Counter;
  readonly http11Found: Counter;
  readonly http2Found: Counter;
  readonly httpNotFound: Counter;
  constructor(scope: StatsScope) {
    this.readError = scope.counter('http_inspector.read_error');
    this.http10Found = scope.counter('http_inspector.http10_found');
    this.http11Found = scope.counter('http_inspector.http11_found');
    this.http2Found = scope.counter('http_inspector.http2_found');
    this.httpNotFound = scope.counter('http_inspector.http_not_found');
  }
}

class HttpInspector implements ListenerFilter {
  readonly #stats: HttpInspectorStats;

  constructor(stats: HttpInspectorStats) {
    this.#stats = stats;
  }

  onAccept(accepted: AcceptedConnection): ListenerFilterStatus {
    const { transportProtocol } = accepted.info;
    if (transportProtocol !== '' && transportProtocol !== 'raw_buffer') return ListenerFilterStatus.Done;
    return ListenerFilterStatus.NeedData;
  }

  onData(accepted: AcceptedConnection, bytes: Buffer): ListenerFilterStatus {
    const protocol = detectHttp(bytes.latin1Slice(0, Math.min(bytes.length, MAX_INSPECT_SIZE)));
    if (protocol === 'more') {
      if (bytes.length < MAX_INSPECT_SIZE) return ListenerFilterStatus.NeedData;
      this.#stats.readError.inc();
      return ListenerFilterStatus.Close;
    }
    if (protocol === 'none') this.#stats.httpNotFound.inc();
    else if (protocol === 'h2c') {
      this.#stats.http2Found.inc();
      accepted.info.applicationProtocols = H2C;
    } else if (protocol === 'http/1.0') {
      this.#stats.http10Found.inc();
      accepted.info.applicationProtocols = HTTP10;
    } else {
      this.#stats.http11Found.inc();
      accepted.info.applicationProtocols = HTTP11;
    }
    return ListenerFilterStatus.Done;
  }
}

/** What `text`, the first bytes of a connection, is the beginning of. */
export function detectHttp(text: string): 'more' | 'none' | 'h2c' | 'http/1.0' | 'http/1.1' {
  if (text.length >= HTTP2_PREFACE.length ? text.startsWith(HTTP2_PREFACE) : HTTP2_PREFACE.startsWith(text)) {
    return text.length >= HTTP2_PREFACE.length ? 'h2c' : 'more';
  }
  // Empty lines before the request line are let pass (RFC 9112 §2.2).
  let start = 0;
  while (text.charCodeAt(start) === 13 || text.charCodeAt(start) === 10) start++;
  let end = start;
  let spaces = 0;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === 13 || c === 10) break;
    if (c === 32) {
      if (end === start) return 'none';
      spaces++;
    } else if (spaces === 0 ? !isTokenChar(c) : c < 0x21 || c === 0x7f) return 'none';
  }
  if (end === text.length) return 'more';
  if (spaces < 2) return 'none';
  const version = text.slice(text.lastIndexOf(' ', end - 1) + 1, end);
  return version === 'HTTP/1.1' ? 'http/1.1' : version === 'HTTP/1.0' ? 'http/1.0' : 'none';
}

/** RFC 9110 §5.6.2, narrowed to what methods use in practice: letters, digits, "-", "_". */
function isTokenChar(c: number): boolean {
  return (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x5f;
}

export function createHttpInspector(_settings: object, deps: FilterDeps): ListenerFilterFactory {
  const filter = new HttpInspector(new HttpInspectorStats(deps.rootScope));
  return { newFilter: () => filter };
}
