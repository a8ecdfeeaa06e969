/** Which formatter extensions a format may name. Source: envoy.extensions.formatter. */
import { anyTypeName, type CompileContext } from '../config/context.ts';
import type { TypedExtensionConfig } from '../config/gen/envoy/config/core/v3/extension_pb.js';

const FORMATTERS: ReadonlySet<string> = new Set([
  'envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery',
  'envoy.extensions.formatter.metadata.v3.Metadata',
]);

/** Their operators are always there; as in Envoy, listing them is needed for none of the others. */
export function checkFormatters(formatters: readonly TypedExtensionConfig[], at: CompileContext): void {
  formatters.forEach((formatter, i) => {
    const type = anyTypeName(formatter.typedConfig);
    if (!FORMATTERS.has(type)) at.field('formatters', i).notImplemented(`formatter ${type} is not supported by Outrider yet`);
  });
}
