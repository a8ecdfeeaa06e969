/** What a comparison is made of. Scenario files are data of these shapes. */
import type { Http2Frames, Http2Send } from './http2-client.ts';
import type { Http2Reply } from './http2-upstream.ts';
import type { Script, Step, UpstreamKind } from './recording-upstream.ts';
import type { TlsSend } from './tls-client.ts';
import type { TlsUpstreamKind } from './tls-upstream.ts';

export interface Request {
  readonly method?: string;
  readonly path?: string;
  /** Host header; null leaves it out. */
  readonly host?: string | null;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  /** Sent as a chunked body instead. */
  readonly chunks?: readonly string[];
  readonly trailers?: readonly (readonly [string, string])[];
  readonly version?: string;
}

export interface RawSend {
  /** Exact bytes; several pieces are written with a short pause, so that they arrive apart. */
  readonly raw: string | readonly string[];
  /** Milliseconds between the pieces (8), where the other side has to have reacted to one before the next comes. */
  readonly pause?: number;
  /** Method, when the response's framing depends on it. */
  readonly method?: string;
  /** Final responses to wait for (1); 0 waits for nothing. */
  readonly responses?: number;
  /** Payload bytes to wait for, in a tunnel or on plain TCP. */
  readonly payload?: number;
  readonly afterwards?: 'half-close' | 'reset';
}

/** 'METHOD /path' is short for a request without body. */
export type Send = string | Request | RawSend;

export interface Parallel {
  readonly send: Send;
  /** When to go on to the next connection: the upstream got the request, a response came, or shortly after sending. */
  readonly until: 'upstream' | 'answered' | 'sent';
  /** Hang up instead of waiting for the answer. */
  readonly abort?: boolean;
}

export interface Difference {
  readonly reason: string;
  /** Exactly the lines that differ: '- ' what Envoy shows, '+ ' what Outrider shows. */
  readonly changes: readonly string[];
}

export interface Case {
  readonly name: string;
  /** Files in `{{dir}}` that get other contents first, each by a rename. */
  readonly writes?: Readonly<Record<string, string>>;
  /** Symbolic links in `{{dir}}` that point elsewhere in it first, each by a rename. */
  readonly links?: Readonly<Record<string, string>>;
  /** Statistics that have to show these values before anything is sent. */
  readonly until?: Readonly<Record<string, number>>;
  /** One connection, one exchange after the other. */
  readonly send?: Send | readonly Send[];
  /** A connection each, started in this order. Gates of the upstreams open after the last one was started. */
  readonly parallel?: readonly Parallel[];
  /** A TLS connection each, one after the other. */
  readonly tls?: TlsSend | readonly TlsSend[];
  /** `openssl s_client` with these arguments each, one after the other. */
  readonly sClient?: readonly (readonly string[])[];
  /** One HTTP/2 connection. */
  readonly http2?: Http2Send | Http2Frames;
  /** Answers of upstreams that speak HTTP/2. */
  readonly http2Upstream?: Readonly<Record<string, readonly Http2Reply[]>>;
  /** Scripts for the requests that will reach each upstream, in order; the default reply when none is left. */
  readonly upstream?: Readonly<Record<string, readonly Script[]>>;
  /** 'GET /path' on the admin address, after everything else of this case. */
  readonly admin?: string;
  /** Lines of the admin answer that are compared; all by default. */
  readonly adminLines?: RegExp;
  /** What `/state` of the check server answers from this case on. */
  readonly checks?: string;
  /** Ask `admin` again until a line of the answer matches. */
  readonly adminUntil?: RegExp;
  /** Shows the last health check that asked for this path (HTTP), service (gRPC) or command (Redis). */
  readonly shows?: string;
  /** Shows a file of `{{dir}}` once it has that many lines. */
  readonly file?: {
    readonly name: string;
    readonly lines: number;
    /** What is shown of each line, and without regard to their order. */
    readonly part?: RegExp;
  };
  /** Spans to wait for; all that came at the collector (`{{spans}}`, for gRPC `{{grpc-spans}}`) are shown, and ids are named by their order. */
  readonly spans?: number;
  /** Files to wait for in `{{dir}}/taps`; all that are there are shown, and removed. */
  readonly traces?: number;
  /** Entries to wait for at the access-log service (`{{logs}}`); all that came are shown. */
  readonly entries?: number;
  /** Answers are compared without regard to their order: round robin begins with any host. */
  readonly anyOrder?: boolean;
  /** The proxy has to close although no response says so. */
  readonly closes?: boolean;
  /** Listener to talk to, as a port token; 'listener' by default. */
  readonly to?: string;
  /** The connection carries no HTTP. */
  readonly tcp?: boolean;
  readonly differs?: Difference;
}

/** YAML in the fields below is merged over a default bootstrap; `{{a}}` stands for the port of upstream `a`. */
export interface Configuration {
  readonly name: string;
  /** Routes of one virtual host for every domain. */
  readonly routes?: string;
  readonly virtualHosts?: string;
  /** Further fields of the route configuration. */
  readonly routeConfig?: string;
  readonly hcm?: string;
  /** HTTP filters in front of the router. */
  readonly filters?: string;
  /** Fields of the router filter. */
  readonly router?: string;
  /** Network filters instead of the connection manager. */
  readonly networkFilters?: string;
  /** Fields of the listener. */
  readonly listener?: string;
  /** Fields of the clusters `a`, `b`, … by name. */
  readonly cluster?: Readonly<Record<string, string>>;
  /** Further clusters. */
  readonly clusters?: string;
  /** Further fields of the bootstrap. */
  readonly bootstrap?: string;
  /** Upstreams and what they speak; `a` and `b` speak HTTP by default. Each has a STATIC cluster of its name. */
  readonly upstreams?: Readonly<Record<string, UpstreamKind['speak'] | 'http2'>>;
  /** TLS in front of upstreams, each a token of its name. */
  readonly tlsUpstreams?: Readonly<Record<string, TlsUpstreamKind>>;
  /** Certificates are in `{{certs}}`. */
  readonly certificates?: boolean;
  /** Text format of the access log (one line, without line end). */
  readonly logFormat?: string;
  /** The `access_log` list instead of the default one. */
  readonly accessLog?: string;
  readonly args?: readonly string[];
  /** Files in `{{dir}}` when the proxy starts, in folders perhaps, and symbolic links. */
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** Statistics that are not compared here, besides those that depend on time. */
  readonly ignoreStats?: RegExp;
  /** Explained differences of the configuration's access log and statistics. */
  readonly logDiffers?: Difference;
  readonly statsDiffer?: Difference;
  readonly cases: readonly Case[];
}

export interface Area {
  readonly name: string;
  readonly configurations: readonly Configuration[];
}

// Replies of the upstream, in words.

export interface ReplyOptions {
  readonly status?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
}

/** An ordinary response with a content-length. */
export function reply(options: ReplyOptions = {}): Script {
  const body = options.body ?? '';
  const lines = [`HTTP/1.1 ${options.status ?? '200 OK'}`, ...(options.headers ?? []).map(([n, v]) => `${n}: ${v}`)];
  lines.push(`content-length: ${body.length}`, '', body);
  return [{ send: lines.join('\r\n') }];
}

/** Exact bytes. */
export function bytes(text: string): Script {
  return [{ send: text }];
}

export const closing = (script: Script): Script => [...script, { end: true }];
export const early = (script: Script): Script => [{ early: true }, ...script];
export const after = (ms: number, script: Script): Script => [{ delay: ms }, ...script];
export const gated = (script: Script): Script => [{ wholeRequest: true }, { gate: true }, ...script];
export const silence: Script = [];
export const hangUp: Script = [{ end: true }];
export const reset: Script = [{ reset: true }];
export const steps = (...list: readonly Step[]): Script => list;

/** A route action that answers with a word, so that the client sees which route matched. */
export const says = (word: string): string => `direct_response: {status: 200, body: {inline_string: "${word}"}}`;

/** A GET with headers. */
export const get = (path: string, ...headers: readonly (readonly [string, string])[]): Request => ({ path, headers });
