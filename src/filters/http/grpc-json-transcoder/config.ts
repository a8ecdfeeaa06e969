/** Transcoder settings, of the filter and of routes. Source: envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder. */
import { createFileRegistry, type DescMethod, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { CompileContext } from '../../../config/context.ts';
import {
  type GrpcJsonTranscoder,
  GrpcJsonTranscoder_UrlUnescapeSpec as Unescape,
} from '../../../config/gen/envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder_pb.js';
import { fs } from '../../../runtime/node-module.ts';
import { httpRulesOf } from './http-rule.ts';
import { parseTemplate } from './path-template.ts';
import type { TranscodedMethod, TranscoderSettings } from './settings.ts';

export function compileTranscoder(message: GrpcJsonTranscoder, at: CompileContext): TranscoderSettings {
  const descriptors = readDescriptors(message, at);
  const registry = parseDescriptors(descriptors, at);
  const print = message.printOptions;
  const validation = message.requestValidationOptions;
  if (message.captureUnknownQueryParameters) at.unsupported('capture_unknown_query_parameters');
  return {
    descriptors,
    methods:
      registry === null ? [] : message.services.flatMap((name, i) => compileService(name, message, registry, at.field('services', i))),
    print: {
      whitespace: print?.addWhitespace ?? false,
      primitives: print?.alwaysPrintPrimitiveFields ?? false,
      enumsAsInts: print?.alwaysPrintEnumsAsInts ?? false,
      protoNames: print?.preserveProtoFieldNames ?? false,
      newlineDelimited: print?.streamNewlineDelimited ?? false,
      sse: print?.streamSseStyleDelimited ?? false,
    },
    matchIncomingRoute: message.matchIncomingRequestRoute,
    ignoredParameters: message.ignoredQueryParameters,
    ignoreUnknownParameters: message.ignoreUnknownQueryParameters,
    convertStatus: message.convertGrpcStatus,
    unescape:
      message.urlUnescapeSpec === Unescape.ALL_CHARACTERS
        ? 'all'
        : message.urlUnescapeSpec === Unescape.ALL_CHARACTERS_EXCEPT_SLASH
          ? 'except-slash'
          : 'except-reserved',
    unescapePlus: message.queryParamUnescapePlus,
    matchUnregisteredVerb: message.matchUnregisteredCustomVerb,
    rejectUnknownMethod: validation?.rejectUnknownMethod ?? false,
    rejectUnknownParameters: validation?.rejectUnknownQueryParameters ?? false,
    rejectCollisions: validation?.rejectBindingBodyFieldCollisions ?? false,
    caseInsensitiveEnums: message.caseInsensitiveEnumParsing,
    maxRequestBody: message.maxRequestBodySize ?? 0,
    maxResponseBody: message.maxResponseBodySize ?? 0,
  };
}

const EMPTY = new Uint8Array(0);

function readDescriptors(message: GrpcJsonTranscoder, at: CompileContext): Uint8Array {
  const source = message.descriptorSet;
  if (source.case === 'protoDescriptorBin') return source.value;
  if (source.case !== 'protoDescriptor') return EMPTY;
  try {
    return new Uint8Array(fs.readFileSync(source.value));
  } catch (error) {
    at.field('proto_descriptor').error(`unable to read file '${source.value}': ${(error as Error).message}`);
    return EMPTY;
  }
}

function parseDescriptors(bytes: Uint8Array, at: CompileContext): FileRegistry | null {
  try {
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  } catch (error) {
    at.error(`transcoding_filter: Unable to parse proto descriptor: ${(error as Error).message}`);
    return null;
  }
}

function compileService(name: string, message: GrpcJsonTranscoder, registry: FileRegistry, at: CompileContext): TranscodedMethod[] {
  const service = registry.getService(name);
  if (service === undefined) {
    at.error(`transcoding_filter: Could not find '${name}' in the proto descriptor`);
    return [];
  }
  return service.methods.map((method) => compileMethod(name, method, message.autoMapping, at));
}

function compileMethod(service: string, method: DescMethod, autoMapping: boolean, at: CompileContext): TranscodedMethod {
  const path = `/${service}/${method.name}`;
  let rules = httpRulesOf(method);
  if (rules.length === 0 && autoMapping) rules = [{ method: 'POST', path, body: '*', responseBody: '' }];
  for (const rule of rules) {
    const field = rule.responseBody === '' ? undefined : method.output.fields.find((one) => one.name === rule.responseBody);
    if (rule.responseBody !== '' && field?.message?.typeName !== 'google.api.HttpBody') {
      at.error(
        `transcoding_filter: Cannot register '${service}.${method.name}': Setting "response_body" is not supported yet for non-HttpBody fields: ${service}.${method.name}`,
      );
    }
    if (parseTemplate(rule.path) === null)
      at.error(`transcoding_filter: Cannot register '${service}.${method.name}': invalid template '${rule.path}'`);
  }
  return {
    path,
    input: method.input.typeName,
    output: method.output.typeName,
    clientStreaming: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    serverStreaming: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    rules,
  };
}
