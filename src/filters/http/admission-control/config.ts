/** Source: envoy.extensions.filters.http.admission_control.v3.AdmissionControl. */
import type { CompileContext } from '../../../config/context.ts';
import type { AdmissionControl } from '../../../config/gen/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.js';
import { durationMs } from '../../../http/config.ts';
import type { AdmissionControlSettings, RuntimeNumber } from './settings.ts';

const DEFAULT_WINDOW_MS = 30_000;
/** Ok, Cancelled, Unknown, InvalidArgument, NotFound, AlreadyExists, PermissionDenied, FailedPrecondition, OutOfRange, Unimplemented, Unauthenticated. */
const GRPC_SUCCESS = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16];
const MAX_GRPC_CODE = 16;

export function compileAdmissionControl(message: AdmissionControl, at: CompileContext): AdmissionControlSettings {
  const criteria = message.evaluationCriteria.case === 'successCriteria' ? message.evaluationCriteria.value : undefined;
  const here = at.field('success_criteria');
  const http = criteria?.httpCriteria?.httpSuccessStatus;
  http?.forEach(({ start, end }, i) => {
    if (start > end || start < 100 || end > 600)
      here.field('http_criteria').field('http_success_status', i).error(`invalid HTTP range: [${start}, ${end})`);
  });
  const grpc = criteria?.grpcCriteria?.grpcSuccessStatus;
  grpc?.forEach((code, i) => {
    if (code > MAX_GRPC_CODE) here.field('grpc_criteria').field('grpc_success_status', i).error(`invalid gRPC code '${code}'`);
  });
  const threshold = percent(message.srThreshold, 95);
  if (threshold.value < 1) at.field('sr_threshold').error('Success rate threshold cannot be less than 1.0%.');
  return {
    enabled: { value: message.enabled?.defaultValue ?? true, runtimeKey: message.enabled?.runtimeKey ?? '' },
    httpSuccess: http?.map(({ start, end }) => [start, end]) ?? [[100, 500]],
    grpcSuccess: grpc ?? GRPC_SUCCESS,
    windowS: Math.trunc((durationMs(message.samplingWindow) ?? DEFAULT_WINDOW_MS) / 1000),
    aggression: { value: message.aggression?.defaultValue ?? 1, runtimeKey: message.aggression?.runtimeKey ?? '' },
    successRateThreshold: threshold,
    rpsThreshold: { value: message.rpsThreshold?.defaultValue ?? 0, runtimeKey: message.rpsThreshold?.runtimeKey ?? '' },
    maxRejectionProbability: percent(message.maxRejectionProbability, 80),
  };
}

function percent(
  message: { readonly defaultValue?: { readonly value: number } | undefined; readonly runtimeKey: string } | undefined,
  fallback: number,
): RuntimeNumber {
  return message === undefined
    ? { value: fallback, runtimeKey: '' }
    : { value: message.defaultValue?.value ?? 0, runtimeKey: message.runtimeKey };
}
