/** Which coding is chosen. The comparison with Envoy has the filter as a whole (test/envoy/compression.test.ts). */
import { expect, test } from 'vitest';
import { Accepts, chooseEncoding } from '../../../../src/filters/http/compressor/negotiation.ts';

const ALL = ['gzip', 'br'];

test.each([
  ['gzip', 'gzip', Accepts.Compressor],
  ['br, gzip', 'br', Accepts.Compressor],
  ['br;q=0.2, gzip;q=0.3', 'gzip', Accepts.Compressor],
  ['br;q=0, *;q=0.1', 'gzip', Accepts.Wildcard],
  ['identity, gzip', 'identity', Accepts.Identity],
  ['zstd', 'identity', Accepts.Nothing],
  ['gzip;q=often', 'identity', Accepts.Nothing],
  ['gzip;q=', 'identity', Accepts.Nothing],
  ['', 'identity', Accepts.Nothing],
])('%s', (accepted, encoding, because) => {
  expect(chooseEncoding(accepted, ALL, false)).toEqual({ encoding, because });
});

test('the first of the chain, where it is told to be preferred', () => {
  expect(chooseEncoding('br, gzip', ALL, true).encoding).toBe('gzip');
  expect(chooseEncoding('br, gzip;q=0.9', ALL, true).encoding).toBe('br');
  expect(chooseEncoding('*', [], false).because).toBe(Accepts.Nothing);
});
