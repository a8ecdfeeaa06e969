/** Runtime layers of the bootstrap, flattened to dotted keys. Source: envoy.config.bootstrap.v3.LayeredRuntime. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { CompileContext } from '../config/context.ts';
import type { LayeredRuntime } from '../config/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import type { RuntimeLayerSettings } from './compiled.ts';

export function compileRuntimeLayers(message: LayeredRuntime | undefined, at: CompileContext): RuntimeLayerSettings[] {
  const layers: RuntimeLayerSettings[] = [];
  message?.layers.forEach((layer, i) => {
    const specifier = layer.layerSpecifier;
    if (specifier.case === 'staticLayer') {
      const values = flatten(specifier.value, at.field('layers', i).field('static_layer'));
      layers.push({ kind: 'static', name: layer.name, values });
    } else if (specifier.case === 'adminLayer') layers.push({ kind: 'admin', name: layer.name });
    else if (specifier.case === 'diskLayer') {
      const disk = specifier.value;
      layers.push({
        kind: 'disk',
        name: layer.name,
        symlinkRoot: disk.symlinkRoot,
        subdirectory: disk.subdirectory,
        appendServiceCluster: disk.appendServiceCluster,
      });
    } else if (specifier.case === 'rtdsLayer') at.field('layers', i).unsupported('rtds_layer');
    else at.field('layers', i).error('a layer needs one of static_layer, disk_layer, admin_layer and rtds_layer');
  });
  return layers;
}

/** {"a": {"b": 1}} → {"a.b": "1"}. A {numerator, denominator} object is one value: readers of fractions understand it. */
export function flatten(value: JsonObject, at: CompileContext, prefix = '', into: Record<string, string> = {}): Record<string, string> {
  for (const [key, item] of Object.entries(value)) {
    const name = prefix === '' ? key : prefix + '.' + key;
    if (item === null || Array.isArray(item)) at.error(`Invalid runtime entry value for ${name}`);
    else if (typeof item !== 'object') into[name] = String(item);
    else if ('numerator' in item) into[name] = JSON.stringify(item);
    else flatten(item, at, name, into);
  }
  return into;
}
