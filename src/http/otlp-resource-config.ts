/** What OpenTelemetry resource detectors find. Source: envoy.extensions.tracers.opentelemetry.resource_detectors. */
import type { CompileContext } from '../config/context.ts';
import type { TypedExtensionConfig } from '../config/gen/envoy/config/core/v3/extension_pb.js';
import type { StaticConfigResourceDetectorConfig } from '../config/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.js';
import { environmentVariable } from '../runtime/environment.ts';
import { wireText } from './wire-text.ts';

const DETECTORS = 'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.';

/** Attributes in order, as wire text. Later detectors overrule earlier ones. */
export function compileResource(detectors: readonly TypedExtensionConfig[], at: CompileContext): Map<string, string> {
  const found = new Map<string, string>();
  for (const [i, detector] of detectors.entries()) {
    const here = at.field('resource_detectors', i).field('typed_config');
    const config = here.unpack(detector.typedConfig);
    if (config === null) continue;
    if (config.$typeName === `${DETECTORS}EnvironmentResourceDetectorConfig`) readEnvironment(found);
    else if (config.$typeName === `${DETECTORS}StaticConfigResourceDetectorConfig`) {
      const { attributes } = config as StaticConfigResourceDetectorConfig;
      for (const [name, value] of Object.entries(attributes)) found.set(wireText(name), wireText(value));
    } else here.notImplemented(`resource detector ${config.$typeName} is not supported by Outrider yet`);
  }
  return found;
}

/** OTEL_RESOURCE_ATTRIBUTES: key=value,key=value. */
function readEnvironment(found: Map<string, string>): void {
  for (const pair of (environmentVariable('OTEL_RESOURCE_ATTRIBUTES') ?? '').split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) found.set(wireText(pair.slice(0, at).trim()), wireText(pair.slice(at + 1).trim()));
  }
}
