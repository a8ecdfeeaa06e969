/** The arithmetic of success rates over the hosts of a cluster. */

export interface SuccessRates {
  /** Mean over the hosts that count, in percent; -1 = not computed. */
  readonly average: number;
  /** Hosts below it are outliers; -1 = not computed. */
  readonly threshold: number;
}

export const NO_RATES: SuccessRates = Object.freeze({ average: -1, threshold: -1 });

/**
 * Mean, and mean minus `factor` standard deviations (of the population): rates 50, 100, 100, 100, 100 and factor 1.9 give 90 and 52.
 * @param rates in percent, at least one
 */
export function successRateThreshold(rates: readonly number[], factor: number): SuccessRates {
  let sum = 0;
  for (const rate of rates) sum += rate;
  const mean = sum / rates.length;
  let variance = 0;
  for (const rate of rates) variance += (rate - mean) ** 2;
  return { average: mean, threshold: mean - factor * Math.sqrt(variance / rates.length) };
}
