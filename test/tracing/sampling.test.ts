import { describe, expect, test } from 'vitest';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { decideTracing, TraceReason } from '../../src/tracing/sampling.ts';
import type { SamplingSettings } from '../../src/tracing/settings.ts';

const share = (runtimeKey: string, numerator: number, denominator: number) => ({ runtimeKey, numerator, denominator });
const sampling = (client = 100, random = 10_000, overall = 100): SamplingSettings => ({
  client: share('tracing.client_enabled', client, 100),
  random: share('tracing.random_sampling', random, 10_000),
  overall: share('tracing.global_enabled', overall, 100),
});

/** 0x12345678 % 10000 = 9896. */
const ID = '12345678-1234-4234-8234-123456789abc';

function decide(
  settings: SamplingSettings,
  lines: Record<string, string> = {},
  runtime: Record<string, string> = {},
  id = ID,
  packs = true,
): [string, string | undefined] {
  const headers = new RequestHeaders('GET', '/', 'a', 'http');
  if (id !== '') headers.add('x-request-id', id);
  for (const [name, value] of Object.entries(lines)) headers.add(name, value);
  const reason = decideTracing(headers, settings, packs, new StaticRuntime(new Map(Object.entries(runtime))), seededRandom(1));
  return [reason, headers.get('x-request-id')];
}

describe('why a request is traced', () => {
  test('by chance, which the request id decides', () => {
    expect(decide(sampling())[0]).toBe(TraceReason.Sampling);
    expect(decide(sampling(100, 9897))[0]).toBe(TraceReason.Sampling);
    expect(decide(sampling(100, 9896))[0]).toBe(TraceReason.NotTraceable);
  });

  test('because the client wants it, or a service does, whatever the chance', () => {
    expect(decide(sampling(100, 0), { 'x-client-trace-id': 'x' })[0]).toBe(TraceReason.ClientForced);
    expect(decide(sampling(0, 0), { 'x-client-trace-id': 'x' })[0]).toBe(TraceReason.NotTraceable);
    expect(decide(sampling(0, 0), { 'x-envoy-force-trace': 'true' })[0]).toBe(TraceReason.ServiceForced);
  });

  test('a proxy before has decided', () => {
    const decided = '12345678-1234-b234-8234-123456789abc';
    expect(decide(sampling(0, 0), {}, {}, decided)).toEqual([TraceReason.ClientForced, decided]);
  });

  test('the overall share bounds all of them, the decided ones too', () => {
    expect(decide(sampling(100, 10_000, 0), { 'x-envoy-force-trace': '1' })[0]).toBe(TraceReason.NotTraceable);
    expect(decide(sampling(100, 10_000, 0), {}, {}, ID.replace('-4', '-9'))).toEqual([TraceReason.NotTraceable, ID]);
  });

  test('runtime keys overrule the configuration', () => {
    expect(decide(sampling(), {}, { 'tracing.random_sampling': '0' })[0]).toBe(TraceReason.NotTraceable);
    expect(decide(sampling(), {}, { 'tracing.global_enabled': '0' })[0]).toBe(TraceReason.NotTraceable);
    expect(decide(sampling(100, 0), { 'x-client-trace-id': '1' }, { 'tracing.client_enabled': '0' })[0]).toBe(TraceReason.NotTraceable);
  });
});

describe('the request id tells the next proxy', () => {
  test('in its 15th character', () => {
    expect(decide(sampling())[1]).toBe('12345678-1234-9234-8234-123456789abc');
    expect(decide(sampling(), { 'x-client-trace-id': 'x' })[1]).toBe('12345678-1234-b234-8234-123456789abc');
  });

  test('unless pack_trace_reason is off, or it is no UUID', () => {
    expect(decide(sampling(), {}, {}, ID, false)).toEqual([TraceReason.Sampling, ID]);
    expect(decide(sampling(), {}, {}, '0000000a-short')).toEqual([TraceReason.Sampling, '0000000a-short']);
  });

  test.each(['', 'short', 'xyzxyzxy-1234-4234-8234-123456789abc'])('no decision can be made from "%s"', (id) => {
    expect(decide(sampling(), { 'x-envoy-force-trace': '1' }, {}, id)[0]).toBe(TraceReason.NotTraceable);
  });
});
