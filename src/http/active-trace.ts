/** What the data path tells of a request that is traced. Implemented by src/tracing; a request whose connection manager does not trace has none. */
import type { Address } from '../net/address.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from './header-map.ts';
import type { StreamInfo } from './stream-info.ts';

export interface ActiveTrace {
  /** Of the request's span, in hexadecimal; '' = its tracer does not tell. */
  readonly spanId: string;
  /** Puts the trace's context into what goes upstream, in place of what came. */
  inject(headers: RequestHeaders): void;
  /** A try begins. null: tries have no spans of their own. @param attempt 1 for the first one @param always also where the connection manager does not ask for it (start_child_span) */
  startAttempt(info: StreamInfo, attempt: number, always: boolean): AttemptTrace | null;
  /** Of the request's copy for another cluster: a span named "mirror". @param headers of the copy, which get its context @param sampled null = as the request is */
  copy(headers: RequestHeaders, sampled: boolean | null): ActiveTrace;
  /** Names the operation to the client, or learns the server's name for it: x-envoy-decorator-operation. */
  onResponseHeaders(headers: ResponseHeaders): void;
  /** The request is over. */
  finish(info: StreamInfo): void;
}

export interface AttemptTrace {
  inject(headers: RequestHeaders): void;
  onReady(host: Address, protocol: string): void;
  onHeaders(headers: ResponseHeaders, end: boolean): void;
  onTrailers(trailers: HeaderMap): void;
  /** Bits of Flag. */
  onFlag(flag: number): void;
  /** It was given up from this side. */
  onCanceled(): void;
  /** @param reason Envoy's words */
  onReset(reason: string): void;
  finish(): void;
}
