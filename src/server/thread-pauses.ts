/**
 * `outrider.thread.<name>.*`: pauses of this thread. The name is Outrider's own: no dashboard of Envoy's can mistake it.
 */
import { watchPauses } from '../runtime/pauses.ts';
import type { StatsScope } from '../stats/scope.ts';

const watched = new WeakSet<StatsScope>();

/** From the first call on. @param thread 'control', 'worker_0' … */
export function recordPauses(root: StatsScope, thread: string): void {
  if (watched.has(root)) return;
  watched.add(root);
  const scope = root.scope('outrider').tagged('thread', 'thread', thread);
  const delay = scope.histogram('event_loop_delay');
  const pause = scope.histogram('gc_pause');
  watchPauses({ onDelay: (ms) => delay.record(ms), onCollection: (ms) => pause.record(ms) });
}
