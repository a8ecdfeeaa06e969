/** Source: envoy.extensions.filters.network.echo.v3.Echo, which has no fields. */
export function compileEcho(): object {
  return {};
}
