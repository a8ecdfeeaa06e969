/** What the router says at debug level. Callers ask `debugEnabled` first. */
import { RESET_REASON_TEXT } from '../../../http/reset-reason.ts';
import type { Logger } from '../../../runtime/logger.ts';
import type { RouterRequest } from './router-request.ts';

function ids(router: RouterRequest): { connection: number; request: string } {
  return { connection: router.stream.info.connection.id, request: router.headers.get('x-request-id') ?? '' };
}

export function logRoute(log: Logger, router: RouterRequest): void {
  const { method, authority, path } = router.headers;
  log.debug('cluster matched', { ...ids(router), cluster: router.cluster.name, route: router.route.name, method, authority, path });
}

export function logReset(log: Logger, router: RouterRequest, reason: number, transportFailure: string): void {
  const host = router.stream.info.upstreamHost?.address.text ?? '';
  log.debug('upstream reset', { ...ids(router), cluster: router.cluster.name, host, reason: RESET_REASON_TEXT[reason], transportFailure });
}

export function logRetry(log: Logger, router: RouterRequest, attempt: number): void {
  log.debug('performing retry', { ...ids(router), cluster: router.cluster.name, attempt });
}
