/** Reads google.api.http of a method, an extension that descriptors carry as bytes. Source: google/api/http.proto. */
import type { DescMethod } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { HttpRule } from './settings.ts';

/** Number of the extension `google.api.http` of MethodOptions. */
const HTTP_EXTENSION = 72_295_728;
const METHODS: Readonly<Record<number, string>> = { 2: 'GET', 3: 'PUT', 4: 'POST', 5: 'DELETE', 6: 'PATCH' };
const FIELD = { body: 7, custom: 8, additional: 11, responseBody: 12 } as const;

/** All bindings of the method, the main one first; empty if it has none. */
export function httpRulesOf(method: DescMethod): HttpRule[] {
  const rules: HttpRule[] = [];
  for (const field of method.proto.options?.$unknown ?? []) {
    if (field.no === HTTP_EXTENSION && field.wireType === WireType.LengthDelimited) readRule(new BinaryReader(field.data).bytes(), rules);
  }
  return rules;
}

function readRule(bytes: Uint8Array, rules: HttpRule[]): void {
  const reader = new BinaryReader(bytes);
  const more: Uint8Array[] = [];
  const rule = { method: '', path: '', body: '', responseBody: '' };
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    if (METHODS[no] !== undefined) {
      rule.method = METHODS[no];
      rule.path = reader.string();
    } else if (no === FIELD.body) rule.body = reader.string();
    else if (no === FIELD.responseBody) rule.responseBody = reader.string();
    else if (no === FIELD.custom) readCustom(reader.bytes(), rule);
    else if (no === FIELD.additional) more.push(reader.bytes());
    else reader.skip(type, no);
  }
  if (rule.method !== '') rules.push(rule);
  for (const additional of more) readRule(additional, rules);
}

function readCustom(bytes: Uint8Array, rule: { method: string; path: string }): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    if (no === 1) rule.method = reader.string();
    else if (no === 2) rule.path = reader.string();
    else reader.skip(type, no);
  }
}
