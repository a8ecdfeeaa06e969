/** Scoped routes given inline. Source: envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes. */
import type { CompileContext } from '../../config/context.ts';
import type {
  ScopedRoutes_ScopeKeyBuilder_FragmentBuilder as FragmentBuilder,
  ScopedRoutes,
} from '../../config/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { canonicalName } from '../../http/header-lookup.ts';
import { wireText } from '../../http/wire-text.ts';
import { compileRouteConfiguration, type RouteCompileDeps } from '../config.ts';
import type { FragmentSettings, ScopedRoutesSettings } from './scoped-routes.ts';

/** Scopes whose routes come by RDS, and scopes that come by SRDS, are refused. */
export function compileScopedRoutes(message: ScopedRoutes, at: CompileContext, deps: RouteCompileDeps): ScopedRoutesSettings {
  const builder = at.field('scope_key_builder');
  const fragments = (message.scopeKeyBuilder?.fragments ?? []).map((fragment, i) =>
    compileFragment(fragment, builder.field('fragments', i)),
  );
  const list =
    message.configSpecifier.case === 'scopedRouteConfigurationsList' ? message.configSpecifier.value.scopedRouteConfigurations : [];
  const names = new Set<string>();
  const keys = new Set<string>();
  const scopes = list.flatMap((scope, i) => {
    const here = at.field('scoped_route_configurations_list').field('scoped_route_configurations', i);
    const key = (scope.key?.fragments ?? []).map((fragment) => wireText(fragment.type.value ?? ''));
    if (names.has(scope.name)) here.field('name').error(`scope '${scope.name}' is defined twice`);
    if (keys.has(key.join('\0'))) here.field('key').error('another scope has the same key');
    names.add(scope.name);
    keys.add(key.join('\0'));
    if (scope.routeConfiguration === undefined) {
      here.unsupported('route_configuration_name');
      return [];
    }
    return [{ key, routes: compileRouteConfiguration(scope.routeConfiguration, here.field('route_configuration'), deps) }];
  });
  return { kind: 'scoped', name: message.name, fragments, scopes };
}

function compileFragment(fragment: FragmentBuilder, at: CompileContext): FragmentSettings {
  const extractor = fragment.type.value;
  const here = at.field('header_value_extractor');
  const type = extractor?.extractType;
  if (type?.case === 'index' && type.value > 0 && extractor?.elementSeparator === '') {
    here.field('index').error('Index > 0 for empty string element separator.');
  }
  return {
    header: canonicalName(extractor?.name ?? ''),
    elementSeparator: wireText(extractor?.elementSeparator ?? ''),
    pick: type?.case === 'element' ? { key: wireText(type.value.key), separator: wireText(type.value.separator) } : (type?.value ?? 0),
  };
}
