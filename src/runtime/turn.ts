/** Ends this turn of the event loop, so that sockets and timers are served before the work goes on. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
