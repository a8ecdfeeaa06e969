/** Source: envoy.extensions.filters.listener.original_dst.v3.OriginalDst, which has no fields. */
export function compileOriginalDst(): object {
  return {};
}
