/** Custom tags of spans and log entries from their messages. Source: envoy.type.tracing.v3.CustomTag. */
import type { CompileContext } from '../config/context.ts';
import { type CustomTag, CustomTag_ValueType as ValueType } from '../config/gen/envoy/type/tracing/v3/custom_tag_pb.js';
import type { CustomTagSettings } from './custom-tags.ts';
import { compileFormat } from './format/formatter.ts';
import { FormatError, NO_ENVIRONMENT } from './format/operator.ts';
import { wireText } from './wire-text.ts';

export function compileCustomTags(tags: readonly CustomTag[], at: CompileContext): CustomTagSettings[] {
  return tags.map((tag, i) => compileCustomTag(tag, at.field('custom_tags', i))).filter((tag) => tag !== null);
}

function compileCustomTag(message: CustomTag, at: CompileContext): CustomTagSettings | null {
  const tag = wireText(message.tag);
  const type = message.type;
  if (message.valueType !== ValueType.UNSPECIFIED && message.valueType !== ValueType.STRING) at.unsupported('value_type');
  switch (type.case) {
    case 'literal':
      return { kind: 'literal', tag, value: wireText(type.value.value) };
    case 'environment':
      return { kind: 'environment', tag, name: type.value.name, defaultValue: wireText(type.value.defaultValue) };
    case 'requestHeader':
      return { kind: 'request_header', tag, name: type.value.name.toLowerCase(), defaultValue: wireText(type.value.defaultValue) };
    case 'metadata': {
      const key = type.value.metadataKey;
      return {
        kind: 'metadata',
        tag,
        of: type.value.kind?.kind.case ?? 'request',
        key: key?.key ?? '',
        path: (key?.path ?? []).map((segment) => (segment.segment.case === 'key' ? segment.segment.value : '')),
        defaultValue: wireText(type.value.defaultValue),
      };
    }
    case 'value':
      return { kind: 'value', tag, format: checkFormat(type.value, at.field('value')) };
    default:
      at.error('a type of tag is required');
      return null;
  }
}

/** Reports a format that does not compile; '' then. */
export function checkFormat(format: string, at: CompileContext): string {
  try {
    compileFormat(format, NO_ENVIRONMENT, '');
    return format;
  } catch (e) {
    if (!(e instanceof FormatError)) throw e;
    at.error(e.message);
    return '';
  }
}
