/** The few shapes that answers have. */
import type { AdminBody, AdminReply } from './api.ts';

export const TEXT = 'text/plain; charset=UTF-8';
export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
export const HTML = 'text/html; charset=UTF-8';

export function text(body: AdminBody, status = 200): AdminReply {
  return { status, contentType: TEXT, body };
}

export function ok(afterSent?: () => void): AdminReply {
  return afterSent === undefined ? text('OK\n') : { ...text('OK\n'), afterSent };
}

/** Laid out as Envoy's: one space a level. */
export function json(value: unknown): AdminReply {
  return { status: 200, contentType: JSON_TYPE, body: `${JSON.stringify(value, null, 1)}\n` };
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
