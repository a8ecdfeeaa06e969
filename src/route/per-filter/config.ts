/** typed_per_filter_config of one level: by filter name, perhaps wrapped in envoy.config.route.v3.FilterConfig. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { FilterConfig } from '../../config/gen/envoy/config/route/v3/route_components_pb.js';
import { didYouMean } from '../../config/suggest.ts';
import type { RouteCompileDeps } from '../config.ts';
import type { PerFilterSettings } from '../settings.ts';

const WRAPPER = 'envoy.config.route.v3.FilterConfig';

export function compilePerFilter(
  configs: Readonly<Record<string, Any>>,
  at: CompileContext,
  deps: RouteCompileDeps,
): Readonly<Record<string, PerFilterSettings>> | null {
  const names = Object.keys(configs);
  if (names.length === 0) return null;
  const compiled: Record<string, PerFilterSettings> = {};
  for (const name of names) {
    const here = at.key('typed_per_filter_config', name);
    const entry = compileEntry(name, configs[name]!, here, deps);
    if (entry !== null) compiled[name] = entry;
    if (deps.httpFilterNames !== null && !deps.httpFilterNames.includes(name)) {
      here.warn(
        `no HTTP filter of this connection manager is named '${name}': this has no effect${didYouMean(name, deps.httpFilterNames)}`,
      );
    }
  }
  return compiled;
}

function compileEntry(name: string, any: Any, at: CompileContext, deps: RouteCompileDeps): PerFilterSettings | null {
  if (anyTypeName(any) !== WRAPPER) return { disabled: false, settings: deps.perFilterConfig(name, any, at) ?? undefined };
  const wrapper = at.unpackAs<FilterConfig>(any, WRAPPER);
  if (wrapper === null) return null;
  if (wrapper.disabled) return { disabled: true, settings: undefined };
  if (wrapper.config === undefined) {
    at.error(`Empty route/virtual host per filter configuration for ${name} filter`);
    return null;
  }
  if (wrapper.isOptional && deps.knowsPerFilterType !== undefined && !deps.knowsPerFilterType(anyTypeName(wrapper.config))) return null;
  return { disabled: false, settings: deps.perFilterConfig(name, wrapper.config, at.field('config')) ?? undefined };
}
