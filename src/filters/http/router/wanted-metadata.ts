/** What a request wants of its host: the route's metadata under `envoy.lb`, overridden by the request's own dynamic metadata, as in Envoy. */
import type { StreamInfo } from '../../../http/stream-info.ts';

type Metadata = Readonly<Record<string, unknown>>;

const NAMESPACE = 'envoy.lb';

/** The last merge of a stream: retries ask again. */
const merges = new WeakMap<Metadata, { readonly route: Metadata; readonly merged: Metadata }>();

/** @param route of the route or its weighted cluster */
export function wantedMetadata(route: Metadata | null, info: StreamInfo): Metadata | null {
  const own = info.dynamicMetadata === null ? undefined : info.dynamicMetadata.get(NAMESPACE);
  if (own === undefined) return route;
  if (route === null) return own;
  const known = merges.get(own);
  if (known !== undefined && known.route === route) return known.merged;
  const merged = { ...route, ...own };
  merges.set(own, { route, merged });
  return merged;
}
