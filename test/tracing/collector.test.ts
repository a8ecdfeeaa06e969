/** Batches, the bounded queue and the drops of spans on their way out. */
import { beforeEach, describe, expect, test } from 'vitest';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { type CollectorAnswer, type CollectorFormat, SpanCollector } from '../../src/tracing/collector.ts';
import { Span, type Tracer } from '../../src/tracing/span.ts';

let clock: SimulatedClock;
let posts: { body: string; timeoutMs: number; answer: CollectorAnswer }[];
let events: string[];
let known: boolean;

const span = (name: string) => new Span(null as unknown as Tracer, 'CLIENT', 't', 'i', '', true, false, false, '', name, 0);

function collector(runtime: Record<string, string> = {}, maxPending = 1024, timeoutMs = 0): SpanCollector {
  const format: CollectorFormat = {
    requestHeaders: () => new RequestHeaders('POST', '/', 'c', 'http'),
    encode: (spans) => Buffer.from(spans.map((one) => one.name).join(' ')),
    onSent: (spans) => events.push(`sent ${spans}`),
    onTimerFlush: () => events.push('timer'),
    onNoCluster: () => events.push('no cluster'),
    onAnswer: (status) => events.push(`answer ${status}`),
    onFailure: () => events.push('failure'),
    onDropped: () => events.push('dropped'),
  };
  const client = {
    post(_cluster: string, _headers: RequestHeaders, body: Buffer, timeout: number, answer: CollectorAnswer): boolean {
      if (known) posts.push({ body: body.toString(), timeoutMs: timeout, answer });
      return known;
    },
  };
  const settings = { cluster: 'c', timeoutMs, runtimePrefix: 'tracing.zipkin', maxPending };
  return new SpanCollector(settings, format, { clock, runtime: new StaticRuntime(new Map(Object.entries(runtime))), client });
}

beforeEach(() => {
  clock = new SimulatedClock();
  posts = [];
  events = [];
  known = true;
});

describe('batches', () => {
  test('five spans leave together', () => {
    const spans = collector();
    for (const name of 'abcd') spans.add(span(name));
    expect(posts).toEqual([]);
    spans.add(span('e'));
    expect(posts).toMatchObject([{ body: 'a b c d e', timeoutMs: 5000 }]);
    expect(events).toEqual(['sent 5']);
  });

  test('fewer leave after five seconds', () => {
    collector().add(span('a'));
    clock.advance(4980);
    expect(posts).toEqual([]);
    clock.advance(40);
    expect(posts[0]?.body).toBe('a');
    expect(events).toEqual(['timer', 'sent 1']);
    clock.advance(60_000);
    expect(events).toEqual(['timer', 'sent 1']);
  });

  test('runtime keys say how many, how long, and for how long they may take', () => {
    const keys = {
      'tracing.zipkin.min_flush_spans': '2',
      'tracing.zipkin.flush_interval_ms': '100',
      'tracing.zipkin.request_timeout': '70',
    };
    const spans = collector(keys);
    spans.add(span('a'));
    clock.advance(150);
    spans.add(span('b'));
    spans.add(span('c'));
    expect(posts.map((post) => [post.body, post.timeoutMs])).toEqual([
      ['a', 70],
      ['b c', 70],
    ]);
    collector({ ...keys, 'tracing.zipkin.min_flush_spans': '1' }, 1024, 33).add(span('d'));
    expect(posts.at(-1)?.timeoutMs).toBe(33);
  });

  test('flush sends what there is, and nothing where there is nothing', () => {
    const spans = collector();
    spans.flush();
    spans.add(span('a'));
    spans.flush();
    expect(posts.map((post) => post.body)).toEqual(['a']);
  });

  test('without the cluster they are gone', () => {
    known = false;
    const spans = collector();
    spans.add(span('a'));
    spans.flush();
    expect(events).toEqual(['sent 1', 'no cluster']);
    expect(spans.underWay).toBe(0);
  });
});

describe('a collector that does not answer', () => {
  test('holds sixteen reports, then a bounded queue, then spans are dropped', () => {
    const spans = collector({ 'tracing.zipkin.min_flush_spans': '1' }, 10);
    for (let i = 0; i < 16 + 10 + 3; i++) spans.add(span(`s${i}`));
    expect(posts).toHaveLength(16);
    expect(events.filter((event) => event === 'dropped')).toHaveLength(3);
    expect(spans.underWay).toBe(16);
  });

  test('what waits leaves when it answers again', () => {
    const spans = collector({ 'tracing.zipkin.min_flush_spans': '1' }, 10);
    for (let i = 0; i < 18; i++) spans.add(span(`s${i}`));
    posts[0]!.answer.onAnswer(202, -1);
    clock.advance(20);
    expect(posts.at(-1)?.body).toBe('s16 s17');
    posts[1]!.answer.onFailure();
    expect(events.slice(-3)).toEqual(['timer', 'sent 2', 'failure']);
    expect(spans.underWay).toBe(15);
  });
});
