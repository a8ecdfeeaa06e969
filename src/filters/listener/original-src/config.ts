/** Source: envoy.extensions.filters.listener.original_src.v3.OriginalSrc. */
import type { OriginalSrc } from '../../../config/gen/envoy/extensions/filters/listener/original_src/v3/original_src_pb.js';

export interface OriginalSrcSettings {
  /** SO_MARK of upstream sockets; 0 = none. */
  readonly mark: number;
}

export function compileOriginalSrc(message: OriginalSrc): OriginalSrcSettings {
  return { mark: message.mark };
}
