/** Waiting for something that can be observed, instead of for time to pass. */

const LOOK_EVERY_MS = 10;
/** Long, since a machine may be busy with other things: what never happens is told by the message, not by how soon it comes. */
const DEADLINE_MS = 60_000;

/**
 * Looks until `look` returns something other than false, null or undefined, and returns that. An exception counts as "not yet".
 * @throws with `what` and the last exception when it has not happened within the deadline
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + deadlineMs;
  let last = '';
  for (;;) {
    try {
      const found = await look();
      if (found !== false && found !== null && found !== undefined) return found as Exclude<T, false | null | undefined>;
      last = '';
    } catch (error) {
      last = ` (${(error as Error).message})`;
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms${last}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
