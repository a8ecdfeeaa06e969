/** A gRPC status as JSON: google.rpc.Status, whole from grpc-status-details-bin, else of code and message. */
import { fromBinary, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { HeaderMap } from '../../../http/header-map.ts';
import { percentDecode } from '../../../http/query.ts';
import type { TypeSet } from './codec.ts';
import type { PrintSettings } from './settings.ts';

interface StatusParts {
  code: number;
  message: string;
  readonly details: JsonValue[];
}

/** null = its details are of types that the descriptors do not have. */
export function statusAsJson(types: TypeSet, code: number, headers: HeaderMap, print: PrintSettings): string | null {
  const encoded = headers.get('grpc-status-details-bin');
  let status: StatusParts;
  if (encoded === undefined) {
    const message = Buffer.from(percentDecode(headers.get('grpc-message') ?? ''), 'latin1').toString('utf8');
    status = { code, message, details: [] };
  } else {
    try {
      status = readStatus(types, Buffer.from(encoded, 'base64'), print);
    } catch {
      return null;
    }
  }
  const json: JsonObject = {};
  if (status.code !== 0 || print.primitives) json['code'] = status.code;
  if (status.message !== '' || print.primitives) json['message'] = status.message;
  if (status.details.length > 0 || print.primitives) json['details'] = status.details;
  return print.whitespace ? `${JSON.stringify(json, null, 1)}\n` : JSON.stringify(json);
}

// google/rpc/status.proto: code = 1, message = 2, details = 3 (google.protobuf.Any: type_url = 1, value = 2).
function readStatus(types: TypeSet, bytes: Uint8Array, print: PrintSettings): StatusParts {
  const reader = new BinaryReader(bytes);
  const status: StatusParts = { code: 0, message: '', details: [] };
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    if (no === 1) status.code = reader.int32();
    else if (no === 2) status.message = reader.string();
    else if (no === 3) status.details.push(readAny(types, reader.bytes(), print));
    else reader.skip(type, no);
  }
  return status;
}

/** @throws Error for a type that is not among the descriptors */
function readAny(types: TypeSet, bytes: Uint8Array, print: PrintSettings): JsonValue {
  const reader = new BinaryReader(bytes);
  let url = '';
  let value = new Uint8Array(0);
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    if (no === 1) url = reader.string();
    else if (no === 2) value = reader.bytes() as Uint8Array<ArrayBuffer>;
    else reader.skip(type, no);
  }
  const type = types.registry.getMessage(url.slice(url.lastIndexOf('/') + 1));
  if (type === undefined) throw new Error(`unknown type ${url}`);
  const json = toJson(type, fromBinary(type, value), {
    registry: types.registry,
    alwaysEmitImplicit: print.primitives,
    enumAsInteger: print.enumsAsInts,
    useProtoFieldName: print.protoNames,
  });
  return { '@type': url, ...(json as JsonObject) };
}
