/** W3C Trace Context: traceparent and tracestate. Envoy reads version 00 of the form alone (55 characters). */
import type { RequestHeaders } from '../http/header-map.ts';
import { isHex } from './ids.ts';

const LENGTH = 55;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

export class TraceParent {
  /** 32 digits. */
  traceId = '';
  spanId = '';
  sampled = false;

  /** False if `value` cannot be read; this is not changed then. */
  parse(value: string): boolean {
    if (value.length !== LENGTH || value[2] !== '-' || value[35] !== '-' || value[52] !== '-') return false;
    const trace = value.slice(3, 35);
    const span = value.slice(36, 52);
    const flags = value.slice(53);
    if (!isHex(value.slice(0, 2)) || !isHex(trace) || !isHex(span) || !isHex(flags)) return false;
    if (trace === NO_TRACE || span === NO_SPAN) return false;
    this.traceId = trace.toLowerCase();
    this.spanId = span.toLowerCase();
    this.sampled = (Number.parseInt(flags, 16) & 1) === 1;
    return true;
  }
}

/** @param traceId 16 or 32 digits */
export function injectTraceParent(headers: RequestHeaders, traceId: string, spanId: string, sampled: boolean): void {
  replaceHeader(headers, 'traceparent', '00-' + traceId.padStart(32, '0') + '-' + spanId + (sampled ? '-01' : '-00'));
}

/** Envoy takes the old line out and puts the new one last. */
export function replaceHeader(headers: RequestHeaders, name: string, value: string): void {
  headers.remove(name);
  headers.add(name, value);
}
