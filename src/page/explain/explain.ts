/** A failed or slow request in words: one sentence or two for each response flag, with the numbers of the moment it happened. */
import type { Explanation } from '../snapshot.ts';
import type { NotedRequest } from '../worker/facts.ts';
import { explainFlag } from './explain-flag.ts';
import { duration } from './words.ts';

/** @param ejectionReasons why hosts of its cluster are ejected now: "consecutive 5xx" */
export function explain(request: NotedRequest, ejectionReasons: readonly string[]): readonly Explanation[] {
  const explained = request.flags.map((flag) => ({ flag, text: explainFlag(flag, request, ejectionReasons) }));
  if (request.why === 'slow') explained.push({ flag: '', text: slowness(request) });
  else if (explained.length === 0) explained.push({ flag: '', text: answer(request) });
  if (request.protocol !== 'TCP' && request.attempts > 1 && !request.flags.some((flag) => flag === 'URX' || flag === 'UT'))
    explained.push({ flag: '', text: `It was tried ${request.attempts} times; this is how the last try ended.` });
  return explained;
}

function answer({ code, details, host, cluster, grpcStatus, durationMs }: NotedRequest): string {
  const from = host === '' ? 'the proxy' : `host ${host} of cluster ${cluster}`;
  if (details === 'direct_response') return `The route answers with ${code} itself (direct_response).`;
  if (details === 'overload') return 'The proxy is overloaded and refused the request: an overload action is active.';
  if (code === 0) return `The request ended without an answer after ${duration(durationMs)}.`;
  const grpc =
    grpcStatus !== null && grpcStatus !== 0 ? ` with gRPC status ${grpcStatus} (${GRPC_NAMES[grpcStatus] ?? 'unknown code'})` : '';
  if (details === 'via_upstream' || (details === '' && host !== ''))
    return `The answer ${code}${grpc} came from ${from} itself, not from the proxy.`;
  const why = details === '' ? '' : ` The reason it gave: ${details}.`;
  return `The answer ${code}${grpc} came from the proxy.${why}`;
}

function slowness({ durationMs, phases, host, cluster, protocol }: NotedRequest): string {
  if (protocol === 'TCP') return `It took ${duration(phases.connectMs ?? 0)} until host ${host} of cluster ${cluster} was connected.`;
  const parts = [
    ['reading the request', phases.requestMs],
    ['waiting for a connection', phases.connectMs],
    [`waiting for host ${host} of cluster ${cluster} to answer`, phases.firstByteMs],
    ['passing on the response', phases.responseMs],
  ] as const;
  const known = parts.flatMap(([what, ms]) => (ms === null ? [] : [{ what, ms }]));
  const longest = known.reduce((best, part) => (part.ms > best.ms ? part : best), { what: '', ms: -1 });
  const most = longest.ms < 0 ? '' : ` Most of it, ${duration(longest.ms)}, went into ${longest.what}.`;
  return `It took ${duration(durationMs)}, longer than nearly all requests.${most}`;
}

const GRPC_NAMES: readonly string[] = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'],
  ...['RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
  'UNAUTHENTICATED',
];
