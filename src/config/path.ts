/** Where in a configuration something is: a chain of field names, list indices and map keys, written only when it is shown. */

/** Key of a map entry, as opposed to the name of a field. */
export class MapKey {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
}

/** Field name as in the .proto file (snake_case), list index, or map key. */
export type PathSegment = string | number | MapKey;

/** `static_resources.clusters[2].metadata.filter_metadata["envoy.lb"]` */
export function formatPath(segments: readonly PathSegment[]): string {
  let text = '';
  for (const s of segments) {
    if (typeof s === 'number') text += `[${s}]`;
    else if (typeof s !== 'string') text += `[${JSON.stringify(s.key)}]`;
    else text += text === '' ? s : `.${s}`;
  }
  return text;
}
