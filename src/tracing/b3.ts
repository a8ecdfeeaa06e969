/**
 * B3 propagation: x-b3-traceid and its kin, or all in one header. Source: Envoy's zipkin::SpanContextExtractor; the limits and the order
 * (one header, then several, then traceparent where that is configured) are its.
 */
import type { RequestHeaders } from '../http/header-map.ts';
import { parseId, parseTraceId } from './ids.ts';
import type { Span } from './span.ts';
import { injectTraceParent, replaceHeader, TraceParent } from './w3c.ts';

/** Of the longest one-line form: 32-16-1-16 digits. */
const SINGLE_MAX = 68;

/** Reads requests one after the other: nothing is allocated but the ids. */
export class B3Context {
  /** Nothing that the headers say can be read. */
  invalid = false;
  /** There is a trace to continue. */
  found = false;
  /** The headers say so, whether or not there is a trace; -1 = they do not. */
  sampled: -1 | 0 | 1 = -1;
  traceId = '';
  spanId = '';
  parentId = '';
  /** It came in one header. */
  single = false;
  readonly #traceParent = new TraceParent();

  /** @param w3c traceparent counts, too */
  read(headers: RequestHeaders, w3c: boolean): void {
    this.invalid = false;
    this.found = false;
    this.sampled = -1;
    this.traceId = '';
    this.spanId = '';
    this.parentId = '';
    this.single = false;
    const single = headers.get('b3');
    if (single !== undefined) {
      this.single = true;
      this.invalid = !this.#readSingle(single);
      return;
    }
    const sampled = headers.get('x-b3-sampled');
    if (sampled !== undefined) this.sampled = sampled === '1' || sampled === 'true' ? 1 : 0;
    const traceId = headers.get('x-b3-traceid');
    const spanId = headers.get('x-b3-spanid');
    if (traceId !== undefined && spanId !== undefined) {
      this.invalid = !this.#ids(traceId, spanId, headers.get('x-b3-parentspanid') ?? '');
      return;
    }
    if (w3c) this.#readTraceParent(headers.get('traceparent'));
  }

  #readTraceParent(value: string | undefined): void {
    const parent = this.#traceParent;
    // One that cannot be read counts as none here.
    if (value === undefined || !parent.parse(value)) return;
    this.found = true;
    if (this.sampled < 0) this.sampled = parent.sampled ? 1 : 0;
    this.traceId = parseTraceId(parent.traceId);
    this.spanId = parent.spanId;
  }

  #ids(traceId: string, spanId: string, parentId: string): boolean {
    this.traceId = parseTraceId(traceId);
    this.spanId = parseId(spanId);
    if (parentId !== '') this.parentId = parseId(parentId);
    this.found = this.traceId !== '' && this.spanId !== '' && (parentId === '' || this.parentId !== '');
    return this.found;
  }

  /** `{trace}-{span}[-{0|1|d}[-{parent}]]`, or the sampling state alone. */
  #readSingle(b3: string): boolean {
    if (b3.length === 1) return this.#flag(b3);
    if (b3.length < 33 || b3.length > SINGLE_MAX) return false;
    const spanAt = b3[16] === '-' ? 17 : b3[32] === '-' ? 33 : -1;
    if (spanAt < 0) return false;
    let at = spanAt + 16;
    const trace = b3.slice(0, spanAt - 1);
    const span = b3.slice(spanAt, at);
    let parent = '';
    if (b3.length > at) {
      if (b3[at++] !== '-' || b3.length === at || !this.#flag(b3[at++]!)) return false;
      if (b3.length > at) {
        if (b3[at] !== '-' || b3.length !== at + 17) return false;
        parent = b3.slice(at + 1);
      }
    }
    return span.length === 16 && this.#ids(trace, span, parent);
  }

  #flag(flag: string): boolean {
    if (flag !== '0' && flag !== '1' && flag !== 'd') return false;
    this.sampled = flag === '0' ? 0 : 1;
    return true;
  }
}

/** Writes the span's context in the form that it came in. @param w3c as traceparent, too */
export function injectB3(span: Span, headers: RequestHeaders, w3c: boolean): void {
  if (span.singleB3) {
    const parent = span.parentId === '' ? '' : '-' + span.parentId;
    replaceHeader(headers, 'b3', span.traceId + '-' + span.id + (span.sampled ? '-1' : '-0') + parent);
  } else {
    replaceHeader(headers, 'x-b3-traceid', span.traceId);
    replaceHeader(headers, 'x-b3-spanid', span.id);
    if (span.parentId !== '') replaceHeader(headers, 'x-b3-parentspanid', span.parentId);
    replaceHeader(headers, 'x-b3-sampled', span.sampled ? '1' : '0');
  }
  if (w3c) injectTraceParent(headers, span.traceId, span.id, span.sampled);
}
