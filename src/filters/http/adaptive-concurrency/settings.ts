/** Source: envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency. */
export interface AdaptiveConcurrencySettings {
  /** Where it stands in the configuration: names what the workers share. */
  readonly place: string;
  readonly enabled: { readonly value: boolean; readonly runtimeKey: string };
  /** Of the answer to a request that is one too many. */
  readonly exceededStatus: number;
  readonly controller: GradientControllerSettings;
}

export interface GradientControllerSettings {
  /** Share of the samples (0..1) that were faster than what stands for all of them. */
  readonly quantile: number;
  readonly maxLimit: number;
  /** The limit while minRTT is measured, and the lowest at other times. */
  readonly minLimit: number;
  readonly updateIntervalMs: number;
  /** null = minRTT is measured. */
  readonly fixedMinRttUs: number | null;
  readonly minRttIntervalMs: number;
  readonly minRttRequests: number;
  /** Share (0..1) of the interval that it may be late by. */
  readonly jitter: number;
  /** Share (0..1) of minRTT that is added to it. */
  readonly buffer: number;
}
