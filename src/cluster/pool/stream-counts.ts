/** What a pool has to do, and could. */
export interface StreamCounts {
  /** Requests that wait. */
  pending: number;
  /** Requests on connections. */
  active: number;
  /** Further requests that connections, open ones and those on their way, can take. */
  spare: number;
}

/** With `ratio` streams' worth of connections for each request, and for one that has not come yet, there are too few. */
export function wantsAhead({ pending, active, spare }: StreamCounts, ratio: number): boolean {
  return (pending + active + 1) * ratio > spare + active;
}
