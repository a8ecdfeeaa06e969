/** Sets the local address to where a redirected connection was going. It feeds the hand-off between listeners and ORIGINAL_DST clusters. */
import { type AcceptedConnection, type ListenerFilter, type ListenerFilterFactory, ListenerFilterStatus } from '../../api.ts';

class OriginalDstFilter implements ListenerFilter {
  onAccept(accepted: AcceptedConnection): ListenerFilterStatus {
    const destination = accepted.originalDestination();
    if (destination !== null) accepted.restoreLocalAddress(destination);
    return ListenerFilterStatus.Done;
  }

  onData(): ListenerFilterStatus {
    return ListenerFilterStatus.Done;
  }
}

const SHARED = new OriginalDstFilter();

export function createOriginalDst(): ListenerFilterFactory {
  return { newFilter: () => SHARED };
}
