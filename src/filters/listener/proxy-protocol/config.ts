/** Source: envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol. */

import { compilePassedTlvs } from '../../../cluster/proxy-protocol/config.ts';
import { ProxyProtocolConfig_Version as Version } from '../../../config/gen/envoy/config/core/v3/proxy_protocol_pb.js';
import {
  ProxyProtocol_KeyValuePair_ValueStringEncoding as Encoding,
  type ProxyProtocol,
} from '../../../config/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';

import type { PassedTlvs } from '../../../net/proxy-protocol.ts';

export interface TlvRuleSettings {
  readonly type: number;
  readonly namespace: string;
  readonly key: string;
  readonly base64: boolean;
}

export interface ProxyProtocolSettings {
  /** '' = none. */
  readonly statPrefix: string;
  readonly allowWithoutHeader: boolean;
  readonly disallowV1: boolean;
  readonly disallowV2: boolean;
  readonly rules: readonly TlvRuleSettings[];
  /** For upstreams that get a header too. */
  readonly passed: PassedTlvs;
}

const DEFAULT_NAMESPACE = 'envoy.filters.listener.proxy_protocol';

export function compileProxyProtocol(message: ProxyProtocol): ProxyProtocolSettings {
  return {
    statPrefix: message.statPrefix,
    allowWithoutHeader: message.allowRequestsWithoutProxyProtocol,
    disallowV1: message.disallowedVersions.includes(Version.V1),
    disallowV2: message.disallowedVersions.includes(Version.V2),
    passed: compilePassedTlvs(message.passThroughTlvs),
    rules: message.rules
      .filter((rule) => rule.onTlvPresent !== undefined)
      .map((rule) => ({
        type: rule.tlvType,
        namespace: rule.onTlvPresent!.metadataNamespace || DEFAULT_NAMESPACE,
        key: rule.onTlvPresent!.key,
        base64: rule.onTlvPresent!.valueStringEncoding === Encoding.BASE64,
      })),
  };
}
