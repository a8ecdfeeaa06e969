import { expect, test } from 'vitest';
import { TraceParent } from '../../src/tracing/w3c.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test.each([
  ['00', '01', true],
  ['00', '00', false],
  ['00', 'ff', true],
  ['cc', '02', false],
])('version %s, flags %s', (version, flags, sampled) => {
  const parent = new TraceParent();
  expect(parent.parse(`${version}-${TRACE}-${SPAN}-${flags}`)).toBe(true);
  expect(parent).toMatchObject({ traceId: TRACE, spanId: SPAN, sampled });
});

test.each([
  '',
  `00-${TRACE}-${SPAN}`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}-0g`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00+${TRACE}-${SPAN}-01`,
  `0x-${TRACE}-${SPAN}-01`,
])('refused: "%s"', (value) => {
  expect(new TraceParent().parse(value)).toBe(false);
});
