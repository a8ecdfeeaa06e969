/** Waiting for what has to come, for as long as a busy machine may take, and short pauses where nothing tells that it is time. */

const LOOK_EVERY_MS = 10;
/** What does not come at all costs this much, on both sides, and shows as a difference. */
const GIVE_UP_MS = 15_000;

let factor = 1;

/** Makes pauses that many times longer: what differed may have differed because the machine was busy. */
export function setPatience(times: number): void {
  factor = times;
}

/** @param ms on a machine that has nothing else to do */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms * factor));

/** Looks until `look` is true. @returns whether it became true in time */
export async function reached(look: () => boolean | Promise<boolean>, giveUpMs = GIVE_UP_MS): Promise<boolean> {
  const end = performance.now() + giveUpMs;
  for (;;) {
    if (await look()) return true;
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
