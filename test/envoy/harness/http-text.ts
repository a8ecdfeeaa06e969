/** Turns the short forms of a case into bytes. */
import type { RawSend, Request, Send } from './scenario.ts';

const SHORT_PAUSE_MS = 8;

export interface Wire {
  readonly pieces: readonly string[];
  readonly pauseMs: number;
  readonly method: string;
  readonly responses: number;
  readonly payload: number;
  readonly afterwards: RawSend['afterwards'] | null;
}

export function toWire(send: Send): Wire {
  if (typeof send === 'string') {
    const space = send.indexOf(' ');
    return toWire({ method: send.slice(0, space), path: send.slice(space + 1) });
  }
  if ('raw' in send) {
    const pieces = typeof send.raw === 'string' ? [send.raw] : send.raw;
    const method = send.method ?? /^[A-Z]+/.exec(pieces[0] ?? '')?.[0] ?? 'GET';
    const payload = send.payload ?? 0;
    return {
      pieces,
      pauseMs: send.pause ?? SHORT_PAUSE_MS,
      method,
      responses: send.responses ?? (payload > 0 ? 0 : 1),
      payload,
      afterwards: send.afterwards ?? null,
    };
  }
  return { pieces: [requestText(send)], pauseMs: SHORT_PAUSE_MS, method: send.method ?? 'GET', responses: 1, payload: 0, afterwards: null };
}

export function requestText(request: Request): string {
  const lines = [`${request.method ?? 'GET'} ${request.path ?? '/'} ${request.version ?? 'HTTP/1.1'}`];
  if (request.host !== null) lines.push(`Host: ${request.host ?? 'example.test'}`);
  for (const [name, value] of request.headers ?? []) lines.push(`${name}: ${value}`);
  let body = request.body ?? '';
  if (request.chunks !== undefined) {
    lines.push('Transfer-Encoding: chunked');
    const chunks = request.chunks.map((c) => `${c.length.toString(16)}\r\n${c}\r\n`).join('');
    const trailers = (request.trailers ?? []).map(([n, v]) => `${n}: ${v}\r\n`).join('');
    body = `${chunks}0\r\n${trailers}\r\n`;
  } else if (request.body !== undefined) lines.push(`Content-Length: ${body.length}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
