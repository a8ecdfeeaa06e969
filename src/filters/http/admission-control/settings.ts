/** Source: envoy.extensions.filters.http.admission_control.v3.AdmissionControl. */
export interface AdmissionControlSettings {
  readonly enabled: { readonly value: boolean; readonly runtimeKey: string };
  /** Pairs: first status that is a success, first one after it that is not. */
  readonly httpSuccess: readonly (readonly [number, number])[];
  readonly grpcSuccess: readonly number[];
  /** Whole seconds. */
  readonly windowS: number;
  readonly aggression: RuntimeNumber;
  /** Percent, as are the others. */
  readonly successRateThreshold: RuntimeNumber;
  readonly rpsThreshold: RuntimeNumber;
  readonly maxRejectionProbability: RuntimeNumber;
}

export interface RuntimeNumber {
  readonly value: number;
  readonly runtimeKey: string;
}
