/**
 * Whether a request is traced, and why. The reason is one character of the request id, so that every proxy on the way decides alike.
 * Source: Envoy's ConnectionManagerUtility::mutateTracingRequestHeader and UUIDRequestIDExtension.
 */
import type { RequestHeaders } from '../http/header-map.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { SamplingSettings } from './settings.ts';

/** As the request id carries it. */
export const TraceReason = { NotTraceable: '4', Sampling: '9', ServiceForced: 'a', ClientForced: 'b' } as const;
export type TraceReason = (typeof TraceReason)[keyof typeof TraceReason];

/** Where in the id. */
const REASON_AT = 14;
const UUID_LENGTH = 36;

/** @param packs pack_trace_reason: the decision is written into the id */
export function decideTracing(
  headers: RequestHeaders,
  sampling: SamplingSettings,
  packs: boolean,
  runtime: RuntimeSnapshot,
  random: Random,
): TraceReason {
  const id = headers.get('x-request-id');
  const draw = id === undefined ? -1 : drawOf(id);
  if (draw < 0) return TraceReason.NotTraceable;
  const carried = reasonOf(id!);
  let reason = carried;
  if (carried === TraceReason.NotTraceable) {
    if (headers.has('x-client-trace-id') && drawn(runtime, sampling.client, random.nextU32())) reason = TraceReason.ClientForced;
    else if (headers.has('x-envoy-force-trace')) reason = TraceReason.ServiceForced;
    else if (drawn(runtime, sampling.random, draw)) reason = TraceReason.Sampling;
  }
  if (reason !== TraceReason.NotTraceable && !drawn(runtime, sampling.overall, draw)) reason = TraceReason.NotTraceable;
  if (reason !== carried && packs && id!.length === UUID_LENGTH)
    headers.set('x-request-id', id!.slice(0, REASON_AT) + reason + id!.slice(REASON_AT + 1));
  return reason;
}

function drawn(runtime: RuntimeSnapshot, share: SamplingSettings['client'], draw: number): boolean {
  return runtime.fraction(share.runtimeKey, share.numerator, share.denominator, draw);
}

/** The same number in [0, 10000) in every proxy on the way; -1 = the id is not of the form that it takes. */
function drawOf(id: string): number {
  if (id.length < 8) return -1;
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const c = id.charCodeAt(i);
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66 ? (c | 0x20) - 0x57 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value % 10_000;
}

function reasonOf(id: string): TraceReason {
  if (id.length !== UUID_LENGTH) return TraceReason.NotTraceable;
  switch (id[REASON_AT]) {
    case TraceReason.Sampling:
      return TraceReason.Sampling;
    case TraceReason.ServiceForced:
      return TraceReason.ServiceForced;
    case TraceReason.ClientForced:
      return TraceReason.ClientForced;
    default:
      return TraceReason.NotTraceable;
  }
}
