/** Source: envoy.extensions.filters.listener.http_inspector.v3.HttpInspector, which has no fields. */
export function compileHttpInspector(): object {
  return {};
}
