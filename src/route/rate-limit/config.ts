/** Rate-limit descriptors of routes, virtual hosts and filters. Source: envoy.config.route.v3.RateLimit. */
import type { CompileContext } from '../../config/context.ts';
import {
  type RateLimit,
  type RateLimit_Action,
  type RateLimit_Action_MetaData,
  RateLimit_Action_MetaData_Source as Source,
  RateLimit_XRateLimitOption as XRateLimit,
} from '../../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { MetadataKey } from '../../config/gen/envoy/type/metadata/v3/metadata_pb.js';
import { isCidr } from '../../http/address-ranges.ts';
import { compileHeaderMatchers, compileStringMatcher } from '../../http/config.ts';
import { compileFormat } from '../../http/format/formatter.ts';
import { FormatError, NO_ENVIRONMENT } from '../../http/format/operator.ts';
import { canonicalName } from '../../http/header-lookup.ts';
import { wireText } from '../../http/wire-text.ts';
import { FORMATTED_VALUES } from './rate-limits.ts';
import type { EntryText, RateLimitActionSettings, RateLimitOverrideSettings, RateLimitSettings } from './settings.ts';

export function compileRateLimits(messages: readonly RateLimit[], at: CompileContext, fieldName = 'rate_limits'): RateLimitSettings[] {
  return messages.map((message, i) => compileRateLimit(message, at.field(fieldName, i)));
}

function compileRateLimit(message: RateLimit, at: CompileContext): RateLimitSettings {
  const hits = message.hitsAddend;
  if (hits !== undefined && hits.format !== '') {
    if (hits.number !== undefined) at.field('hits_addend').error('only one of number and format can be set');
    checkFormat(hits.format, at.field('hits_addend').field('format'));
  }
  return {
    stage: message.stage ?? 0,
    disableKey: message.disableKey,
    actions: message.actions.map((action, i) => compileAction(action, at.field('actions', i))).filter((action) => action !== null),
    limit: compileOverride(message),
    hitsAddend:
      hits === undefined
        ? null
        : { number: hits.number === undefined ? null : Number(hits.number), format: hits.format, negative: hits.isNegativeHits },
    applyOnStreamDone: message.applyOnStreamDone,
    xRateLimitHeaders:
      message.xRatelimitOption === XRateLimit.UNSPECIFIED ? null : message.xRatelimitOption === XRateLimit.DRAFT_VERSION_03,
  };
}

function compileOverride(message: RateLimit): RateLimitOverrideSettings | null {
  const override = message.limit?.overrideSpecifier;
  if (override?.case === 'dynamicMetadata') return { kind: 'dynamic_metadata', ...metadataKey(override.value.metadataKey) };
  if (override?.case !== 'rateLimit') return null;
  return { kind: 'fixed', requestsPerUnit: override.value.requestsPerUnit, unit: override.value.unit };
}

function compileAction(action: RateLimit_Action, at: CompileContext): RateLimitActionSettings | null {
  const spec = action.actionSpecifier;
  switch (spec.case) {
    case 'sourceCluster':
      return { kind: 'source_cluster' };
    case 'destinationCluster':
      return { kind: 'destination_cluster' };
    case 'remoteAddress':
      return { kind: 'remote_address' };
    case 'maskedRemoteAddress':
      return { kind: 'masked_remote_address', v4Length: spec.value.v4PrefixMaskLen ?? 32, v6Length: spec.value.v6PrefixMaskLen ?? 128 };
    case 'requestHeaders': {
      const { headerName, descriptorKey, skipIfAbsent } = spec.value;
      return { kind: 'request_headers', header: canonicalName(headerName), key: wireText(descriptorKey), skipIfAbsent };
    }
    case 'queryParameters': {
      const { queryParameterName, descriptorKey, skipIfAbsent } = spec.value;
      return { kind: 'query_parameters', parameter: wireText(queryParameterName), key: wireText(descriptorKey), skipIfAbsent };
    }
    case 'genericKey':
      return { kind: 'generic_key', ...entryText(spec.value, 'generic_key', at.field('generic_key')) };
    case 'headerValueMatch': {
      const here = at.field('header_value_match');
      const text = entryText(spec.value, 'header_match', here);
      const headers = compileHeaderMatchers(spec.value.headers, here, 'headers');
      return { kind: 'header_value_match', ...text, expect: spec.value.expectMatch ?? true, headers };
    }
    case 'queryParameterValueMatch': {
      const here = at.field('query_parameter_value_match');
      const parameters = spec.value.queryParameters.map((parameter, i) => {
        const how = parameter.queryParameterMatchSpecifier;
        const inside = here.field('query_parameters', i).field('string_match');
        return {
          name: wireText(parameter.name),
          value: how.case === 'stringMatch' ? compileStringMatcher(how.value, inside) : null,
          present: how.case === 'presentMatch' ? how.value : true,
        };
      });
      const text = entryText(spec.value, 'query_match', here);
      return { kind: 'query_parameter_value_match', ...text, expect: spec.value.expectMatch ?? true, parameters };
    }
    case 'remoteAddressMatch': {
      const here = at.field('remote_address_match');
      const matcher = spec.value.addressMatcher;
      const ranges = (matcher?.ranges ?? []).map((range, i) => {
        const text = `${range.addressPrefix}/${range.prefixLen ?? 0}`;
        if (!isCidr(text)) here.field('address_matcher').field('ranges', i).error(`malformed IP address: ${range.addressPrefix}`);
        return text;
      });
      return {
        kind: 'remote_address_match',
        ...entryText(spec.value, 'remote_address_match', here),
        ranges,
        invert: matcher?.invertMatch ?? false,
      };
    }
    case 'metadata':
      return compileMetadata(spec.value);
    case 'extension':
      at.unsupported('extension');
      return null;
    default:
      at.error('an action is required');
      return null;
  }
}

function compileMetadata(value: RateLimit_Action_MetaData): RateLimitActionSettings {
  return {
    kind: 'metadata',
    key: wireText(value.descriptorKey),
    source: value.source === Source.ROUTE_ENTRY ? 'ROUTE' : value.source === Source.CLUSTER_ENTRY ? 'CLUSTER' : 'DYNAMIC',
    ...metadataKey(value.metadataKey),
    fallback: wireText(value.defaultValue),
    skipIfAbsent: value.skipIfAbsent,
  };
}

function metadataKey(key: MetadataKey | undefined): { readonly namespace: string; readonly path: readonly string[] } {
  return {
    namespace: key?.key ?? '',
    path: (key?.path ?? []).map((segment) => (segment.segment.case === 'key' ? segment.segment.value : '')),
  };
}

function entryText(
  message: { readonly descriptorKey: string; readonly descriptorValue: string; readonly defaultValue: string },
  usualKey: string,
  at: CompileContext,
): EntryText {
  if (message.descriptorValue.includes('%')) {
    const here = at.field('descriptor_value');
    checkFormat(message.descriptorValue, here);
    here.warn(`operators are taken literally unless runtime key ${FORMATTED_VALUES} is true`);
  }
  return { key: wireText(message.descriptorKey) || usualKey, value: message.descriptorValue, fallback: wireText(message.defaultValue) };
}

function checkFormat(format: string, at: CompileContext): void {
  try {
    compileFormat(format, NO_ENVIRONMENT, '');
  } catch (e) {
    if (!(e instanceof FormatError)) throw e;
    at.error(e.message);
  }
}
