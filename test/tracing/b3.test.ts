import { describe, expect, test } from 'vitest';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { B3Context, injectB3 } from '../../src/tracing/b3.ts';
import { Span, type Tracer } from '../../src/tracing/span.ts';

const TRACE = '463ac35c9f6413ad48485a3953bb6124';
const SPAN = 'a2fb4a1d1a96d312';
const PARENT = '0020000000000001';

function read(lines: Record<string, string>, w3c = false): B3Context {
  const headers = new RequestHeaders('GET', '/', 'a', 'http');
  for (const [name, value] of Object.entries(lines)) headers.add(name, value);
  const context = new B3Context();
  context.read(headers, w3c);
  return context;
}

function span(over: Partial<{ parent: string; sampled: boolean; single: boolean; trace: string }> = {}): Span {
  const { parent = '', sampled = true, single = false, trace = TRACE } = over;
  return new Span(null as unknown as Tracer, 'CLIENT', trace, SPAN, parent, sampled, false, single, '', 'n', 0);
}

describe('several headers', () => {
  test('a whole context', () => {
    const context = read({ 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-parentspanid': PARENT, 'x-b3-sampled': '1' });
    expect(context).toMatchObject({
      found: true,
      invalid: false,
      sampled: 1,
      traceId: TRACE,
      spanId: SPAN,
      parentId: PARENT,
      single: false,
    });
  });

  test.each([
    ['1', 1],
    ['true', 1],
    ['0', 0],
    ['false', 0],
    ['d', 0],
  ])('x-b3-sampled: %s', (value, sampled) => {
    expect(read({ 'x-b3-sampled': value })).toMatchObject({ found: false, invalid: false, sampled });
  });

  test('short ids are filled up, upper case is lowered, an empty first half is left out', () => {
    expect(read({ 'x-b3-traceid': 'ABC', 'x-b3-spanid': '1' })).toMatchObject({ traceId: '0000000000000abc', spanId: '0000000000000001' });
    expect(read({ 'x-b3-traceid': '0'.repeat(16) + SPAN, 'x-b3-spanid': SPAN }).traceId).toBe(SPAN);
  });

  test('one of the two ids alone is no context', () => {
    expect(read({ 'x-b3-traceid': TRACE })).toMatchObject({ found: false, invalid: false, sampled: -1 });
    expect(read({ 'x-b3-spanid': SPAN })).toMatchObject({ found: false, invalid: false });
  });

  test.each([
    { 'x-b3-traceid': 'zz', 'x-b3-spanid': SPAN },
    { 'x-b3-traceid': TRACE, 'x-b3-spanid': 'g' },
    { 'x-b3-traceid': TRACE.slice(1), 'x-b3-spanid': SPAN },
    { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-parentspanid': 'x' },
    { 'x-b3-traceid': '', 'x-b3-spanid': SPAN },
  ])('refused: %o', (lines) => {
    expect(read(lines).invalid).toBe(true);
  });
});

describe('one header', () => {
  test.each([
    [`${TRACE}-${SPAN}`, { traceId: TRACE, spanId: SPAN, sampled: -1, parentId: '' }],
    [`${SPAN}-${SPAN}-1`, { traceId: SPAN, spanId: SPAN, sampled: 1, parentId: '' }],
    [`${TRACE}-${SPAN}-d`, { traceId: TRACE, sampled: 1 }],
    [`${TRACE}-${SPAN}-0-${PARENT}`, { sampled: 0, parentId: PARENT }],
  ])('%s', (b3, expected) => {
    expect(read({ b3 })).toMatchObject({ found: true, invalid: false, single: true, ...expected });
  });

  test.each([
    ['0', 0],
    ['1', 1],
    ['d', 1],
  ])('the decision alone: %s', (b3, sampled) => {
    expect(read({ b3 })).toMatchObject({ found: false, invalid: false, sampled });
  });

  test.each([
    '',
    'x',
    '00',
    `${TRACE}-${SPAN.slice(1)}`,
    `${TRACE}-${SPAN}-`,
    `${TRACE}-${SPAN}-2`,
    `${TRACE}-${SPAN}-1-`,
    `${TRACE}-${SPAN}-1-${PARENT.slice(1)}`,
    `${TRACE}-${SPAN}-1-${PARENT}0`,
    `${TRACE}+${SPAN}-1`,
  ])('refused: "%s"', (b3) => {
    expect(read({ b3 }).invalid).toBe(true);
  });

  test('it is the only one that counts', () => {
    expect(read({ b3: '0', 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' })).toMatchObject({ found: false, sampled: 0 });
  });
});

describe('traceparent', () => {
  const traceparent = `00-${TRACE}-${SPAN}-01`;
  test('counts where it is configured, after B3', () => {
    expect(read({ traceparent })).toMatchObject({ found: false, invalid: false });
    expect(read({ traceparent }, true)).toMatchObject({ found: true, traceId: TRACE, spanId: SPAN, sampled: 1 });
    expect(read({ traceparent, b3: '0' }, true)).toMatchObject({ found: false, sampled: 0 });
  });
});

describe('what is sent', () => {
  const sent = (one: Span, w3c = false): string[] => {
    const headers = new RequestHeaders('GET', '/', 'a', 'http');
    headers.add('x-b3-sampled', 'old');
    injectB3(one, headers, w3c);
    return headers.names.map((name, i) => `${name}: ${headers.values[i]}`);
  };

  test('several headers, in place of what came', () => {
    expect(sent(span({ parent: PARENT }))).toEqual([
      `x-b3-traceid: ${TRACE}`,
      `x-b3-spanid: ${SPAN}`,
      `x-b3-parentspanid: ${PARENT}`,
      'x-b3-sampled: 1',
    ]);
    expect(sent(span({ sampled: false })).at(-1)).toBe('x-b3-sampled: 0');
  });

  test('one header for who has sent one', () => {
    expect(sent(span({ single: true, parent: PARENT }))).toContain(`b3: ${TRACE}-${SPAN}-1-${PARENT}`);
    expect(sent(span({ single: true, sampled: false }))).toContain(`b3: ${TRACE}-${SPAN}-0`);
  });

  test('traceparent beside it: short trace ids filled up', () => {
    expect(sent(span({ trace: SPAN }), true).at(-1)).toBe(`traceparent: 00-${'0'.repeat(16)}${SPAN}-${SPAN}-01`);
  });
});
