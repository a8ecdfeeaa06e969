/** What the client is told when an attempt ended without a response: spec/resilience.md §2.3. */
import { RESET_REASON_TEXT, ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';

/** Index is the reset reason. */
const FLAGS: readonly number[] = (() => {
  const flags: number[] = [];
  flags[ResetReason.LocalReset] = Flag.LR;
  flags[ResetReason.LocalRefusedStreamReset] = Flag.LR;
  flags[ResetReason.RemoteReset] = Flag.UR;
  flags[ResetReason.RemoteRefusedStreamReset] = Flag.UR;
  flags[ResetReason.ConnectError] = Flag.UR;
  flags[ResetReason.LocalConnectionFailure] = Flag.UF;
  flags[ResetReason.RemoteConnectionFailure] = Flag.UF;
  flags[ResetReason.ConnectionTimeout] = Flag.UF;
  flags[ResetReason.ConnectionTermination] = Flag.UC;
  flags[ResetReason.Overflow] = Flag.UO;
  flags[ResetReason.ProtocolError] = Flag.UPE;
  flags[ResetReason.OverloadManager] = Flag.OM;
  flags[ResetReason.Http1PrematureUpstreamHalfClose] = Flag.UC;
  flags[ResetReason.ConnectionTerminationUnread] = Flag.UC;
  return flags;
})();

export function resetFlag(reason: ResetReason): number {
  return FLAGS[reason]!;
}

export function resetStatus(reason: ResetReason): number {
  return reason === ResetReason.ProtocolError ? 502 : 503;
}

/** The transport's own words stay out of it, as in Envoy 1.40: they are for the log, not for clients. */
export function resetBody(reason: ResetReason, retried: boolean): string {
  const retries = retried ? 'retried and the latest ' : '';
  return 'upstream connect error or disconnect/reset before headers. ' + retries + 'reset reason: ' + RESET_REASON_TEXT[reason]!;
}

/** What the details add when a connection that was idle ended under a request: whether the request can have been executed. */
export function staleWords(reason: ResetReason): string {
  return reason === ResetReason.ConnectionTerminationUnread ? 'stale connection, request not executed' : 'stale connection';
}

export function resetDetails(reason: ResetReason, transportFailure: string, responseStarted: boolean): string {
  const inner = RESET_REASON_TEXT[reason]! + (transportFailure === '' ? '' : '|' + transportFailure);
  const text = (responseStarted ? 'upstream_reset_after_response_started{' : 'upstream_reset_before_response_started{') + inner + '}';
  // Details are one word: blanks would break log formats that split on them.
  return text.replaceAll(' ', '_');
}
