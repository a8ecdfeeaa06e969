import { expect, test } from 'vitest';
import { wantedMetadata } from '../../../../src/filters/http/router/wanted-metadata.ts';
import type { StreamInfo } from '../../../../src/http/stream-info.ts';

const info = (own: Record<string, unknown> | null): StreamInfo =>
  ({ dynamicMetadata: own === null ? null : new Map([['envoy.lb', own]]) }) as unknown as StreamInfo;

test('what the request says of itself comes over what its route says', () => {
  expect(wantedMetadata(null, info(null))).toBeNull();
  expect(wantedMetadata({ a: 1 }, info(null))).toEqual({ a: 1 });
  expect(wantedMetadata(null, info({ a: 1 }))).toEqual({ a: 1 });
  expect(wantedMetadata({ a: 1, b: 1 }, info({ b: 2, c: 3 }))).toEqual({ a: 1, b: 2, c: 3 });
});

test('the same for all tries of a request, another for another route', () => {
  const own = info({ b: 2 });
  const route = { a: 1 };
  expect(wantedMetadata(route, own)).toBe(wantedMetadata(route, own));
  expect(wantedMetadata({ a: 2 }, own)).toEqual({ a: 2, b: 2 });
});
