/** What of a transcoder's configuration is refused. */
import { expect, test } from 'vitest';
import { compileTranscoder } from '../../../../src/filters/http/grpc-json-transcoder/config.ts';
import { SHOP_DESCRIPTOR } from '../../../support/shop-descriptor.ts';

function compile(fields: object, bytes: Uint8Array = Buffer.from(SHOP_DESCRIPTOR, 'base64')) {
  const errors: string[] = [];
  const at = { field: () => at, error: (text: string) => errors.push(text), unsupported: (name: string) => errors.push(name) };
  const message = {
    descriptorSet: { case: 'protoDescriptorBin', value: bytes },
    services: ['shop.Shop'],
    ignoredQueryParameters: [],
    ...fields,
  };
  return { settings: compileTranscoder(message as never, at as never), errors };
}

test('rules of all methods, with their further bindings', () => {
  const { settings, errors } = compile({});
  expect(errors).toEqual([]);
  const get = settings.methods.find((method) => method.path === '/shop.Shop/Get')!;
  expect(get.rules.map((rule) => `${rule.method} ${rule.path}`)).toEqual([
    'GET /books/{name}',
    'GET /v2/{name=shelves/*/books/*}',
    'GET /all/{name=**}:read',
  ]);
  expect(settings.methods.find((method) => method.path === '/shop.Shop/Drop')!.rules[0]!.method).toBe('DROP');
  expect(settings.methods.find((method) => method.path === '/shop.Shop/Bare')!.rules).toEqual([]);
  const chat = settings.methods.find((method) => method.path === '/shop.Shop/Chat')!;
  expect([chat.clientStreaming, chat.serverStreaming]).toEqual([true, true]);
});

test('methods without a rule, where they are asked for', () => {
  const bare = compile({ autoMapping: true }).settings.methods.find((method) => method.path === '/shop.Shop/Bare')!;
  expect(bare.rules).toEqual([{ method: 'POST', path: '/shop.Shop/Bare', body: '*', responseBody: '' }]);
});

test('what cannot work is told', () => {
  expect(compile({ services: ['shop.Nobody'] }).errors).toEqual([
    "transcoding_filter: Could not find 'shop.Nobody' in the proto descriptor",
  ]);
  expect(compile({}, Buffer.from('no descriptors')).errors[0]).toMatch(/^transcoding_filter: Unable to parse proto descriptor/);
  const missing = compile({ descriptorSet: { case: 'protoDescriptor', value: '/nowhere.pb' } }).errors[0];
  expect(missing).toMatch(/^unable to read file '\/nowhere.pb'/);
});
