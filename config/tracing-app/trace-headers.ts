/**
 * The headers that tie what an application calls to what has called it. A proxy beside the application sees the request that comes in and
 * those that go out, but only the application knows which belong together: it says so by copying these.
 */
const COPIED = [
  // Identifies the request in every access log, and carries the decision whether it is traced.
  'x-request-id',
  // The trace: B3 in several headers or in one, W3C Trace Context, OpenTracing.
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'traceparent',
  'tracestate',
  'x-ot-span-context',
];

/** Those to send with the requests that are made for the one that came with `headers`. */
export function traceHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const copied: Record<string, string> = {};
  for (const name of COPIED) {
    const value = headers[name];
    if (value !== undefined) copied[name] = String(value);
  }
  return copied;
}
