/**
 * Waiting for what has to come, for as long as a busy machine may take, and short pauses where nothing tells that it is time.
 * A comparison can be played in slow motion: pauses, delays of upstreams and the configuration's durations are longer then.
 */

const LOOK_EVERY_MS = 10;
/** What does not come at all costs this much, on both sides, and shows as a difference. */
const GIVE_UP_MS = 15_000;
/** What one side alone shows costs this much. */
const AGREE_MS = 2000;
/** Longer durations are there to not pass at all. */
const SLOWED_UP_TO_S = 3;

let factor = 1;

/** How many times slower everything is played from now on. */
export function setSlowMotion(times: number): void {
  factor = times;
}

/** @param ms at full speed */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms * factor));

/** Looks until `look` is true. @param giveUpMs at full speed @returns whether it became true in time */
export async function reached(look: () => boolean | Promise<boolean>, giveUpMs = GIVE_UP_MS): Promise<boolean> {
  const end = performance.now() + giveUpMs * factor;
  for (;;) {
    if (await look()) return true;
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/**
 * Where nothing tells that all has come, both sides wait until they have seen the same, or for a while. Each of the two has one end, and
 * goes through the same steps as the other.
 */
export class Agreement {
  /** What is seen at each step, by whom has come to it; agreed once it was the same, whatever becomes of it then. */
  readonly #steps: { readonly views: (() => string)[]; agreed: boolean }[] = [];

  end(): Agree {
    let next = 0;
    return async (view) => {
      const step = (this.#steps[next++] ??= { views: [], agreed: false });
      const { views } = step;
      views.push(view);
      await reached(() => {
        step.agreed ||= views.length === 2 && views[0]!() === views[1]!();
        return step.agreed;
      }, AGREE_MS);
    };
  }
}

/** @param view what has been seen until now, without what varies */
export type Agree = (view: () => string) => Promise<void>;

/** A duration as in "0.25s", as long as it is now; any other text as it is. */
export function slowed(text: string): string {
  const seconds = Number(/^(\d*\.?\d+)s$/.exec(text)?.[1] ?? 0);
  return factor === 1 || seconds > SLOWED_UP_TO_S || seconds === 0 ? text : `${Number((seconds * factor).toFixed(6))}s`;
}

/** All durations of a configuration in YAML. */
export function slowedYaml(yaml: string): string {
  return factor === 1 ? yaml : yaml.replace(/(?<=: *"?)\d*\.?\d+s(?=["\s,}]|$)/g, slowed);
}
