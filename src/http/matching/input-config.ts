/** Inputs of generic matching from their messages. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { DynamicMetadataInput } from '../../config/gen/envoy/extensions/matching/common_inputs/network/v3/dynamic_metadata_input_pb.js';
import type { FilterStateInput } from '../../config/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js';
import type {
  HttpRequestHeaderMatchInput,
  HttpRequestQueryParamMatchInput,
} from '../../config/gen/envoy/type/matcher/v3/http_inputs_pb.js';
import type { TypedExtensionConfig } from '../../config/gen/xds/core/v3/extension_pb.js';
import type { MatchOwner } from './config.ts';
import type { MatchInputSettings } from './match-input.ts';

export const REQUEST_HEADER_INPUT = 'envoy.type.matcher.v3.HttpRequestHeaderMatchInput';
const QUERY_PARAMETER = 'envoy.type.matcher.v3.HttpRequestQueryParamMatchInput';
const NETWORK = 'envoy.extensions.matching.common_inputs.network.v3';
export const FILTER_STATE_INPUT = `${NETWORK}.FilterStateInput`;
const DYNAMIC_METADATA = `${NETWORK}.DynamicMetadataInput`;
const SSL = 'envoy.extensions.matching.common_inputs.ssl.v3';

/** Those that have no fields. */
const PLAIN: Readonly<Record<string, MatchInputSettings>> = {
  [`${NETWORK}.DestinationIPInput`]: { kind: 'destination_ip' },
  [`${NETWORK}.DestinationPortInput`]: { kind: 'destination_port' },
  [`${NETWORK}.SourceIPInput`]: { kind: 'source_ip' },
  [`${NETWORK}.SourcePortInput`]: { kind: 'source_port' },
  [`${NETWORK}.DirectSourceIPInput`]: { kind: 'direct_source_ip' },
  [`${NETWORK}.SourceTypeInput`]: { kind: 'source_type' },
  [`${NETWORK}.ServerNameInput`]: { kind: 'server_name' },
  [`${SSL}.UriSanInput`]: { kind: 'uri_san' },
  [`${SSL}.DnsSanInput`]: { kind: 'dns_san' },
  [`${SSL}.SubjectInput`]: { kind: 'subject' },
};

/** Stands where something was refused, and reported. */
const REFUSED: MatchInputSettings = { kind: 'request_header', name: '' };

export function compileInput(input: TypedExtensionConfig | undefined, owner: MatchOwner, at: CompileContext): MatchInputSettings {
  const here = at.field('typed_config');
  const any = input?.typedConfig;
  const type = anyTypeName(any);
  const refusal = owner.inputRefused(type);
  if (refusal !== null) {
    here.error(refusal);
    return REFUSED;
  }
  const plain = PLAIN[type];
  if (plain !== undefined) return here.unpack(any) === null ? REFUSED : plain;
  const compiled = compileNamed(type, any, here);
  if (compiled === undefined) at.unsupported('typed_config', `extension ${type} is not supported by Outrider yet`);
  return compiled ?? REFUSED;
}

/** undefined: there is none of this type. */
function compileNamed(type: string, any: Any | undefined, at: CompileContext): MatchInputSettings | undefined {
  switch (type) {
    case REQUEST_HEADER_INPUT: {
      const name = at.unpackAs<HttpRequestHeaderMatchInput>(any, REQUEST_HEADER_INPUT)?.headerName ?? '';
      return { kind: 'request_header', name: name.toLowerCase() };
    }
    case QUERY_PARAMETER:
      return { kind: 'query_parameter', name: at.unpackAs<HttpRequestQueryParamMatchInput>(any, QUERY_PARAMETER)?.queryParam ?? '' };
    case FILTER_STATE_INPUT:
      return { kind: 'filter_state', name: at.unpackAs<FilterStateInput>(any, FILTER_STATE_INPUT)?.key ?? '' };
    case DYNAMIC_METADATA: {
      const message = at.unpackAs<DynamicMetadataInput>(any, DYNAMIC_METADATA);
      const path = (message?.path ?? []).map(({ segment }) => segment.value ?? '');
      return { kind: 'dynamic_metadata', filter: message?.filter ?? '', path };
    }
    default:
      return undefined;
  }
}
