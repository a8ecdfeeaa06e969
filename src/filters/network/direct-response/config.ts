/** Source: envoy.extensions.filters.network.direct_response.v3.Config. */
import type { CompileContext } from '../../../config/context.ts';
import type { Config } from '../../../config/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.js';
import { fs } from '../../../runtime/node-module.ts';

export interface DirectResponseSettings {
  /** One character a byte. */
  readonly response: string;
}

export function compileDirectResponse(message: Config, at: CompileContext): DirectResponseSettings {
  const place = at.field('response');
  const { case: kind, value } = message.response?.specifier ?? { case: undefined, value: undefined };
  switch (kind) {
    case 'inlineString':
      return { response: Buffer.from(value, 'utf8').toString('latin1') };
    case 'inlineBytes':
      return { response: Buffer.from(value).toString('latin1') };
    case 'filename':
      try {
        return { response: fs.readFileSync(value, 'latin1') };
      } catch {
        place.field('filename').error(`Invalid path: ${value}`);
        return { response: '' };
      }
    case 'environmentVariable':
      place.unsupported('environment_variable');
      return { response: '' };
    default:
      return { response: '' };
  }
}
