/** One measurement: load for some seconds, and what the proxy spent meanwhile. */
import { applyLoad, type Generator, type LoadRequest } from './load.ts';
import type { RunningProxy } from './proxies.ts';
import { median } from './table.ts';

export interface Sample {
  /** CPU of the proxy for each request, all its threads. */
  readonly userUs: number;
  readonly systemUs: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly residentMib: number;
  /** Share of its core that the proxy used; below 1 the load was the limit. */
  readonly busy: number;
  readonly errors: number;
}

export interface MeasureOptions {
  readonly generator: Generator;
  readonly request: LoadRequest;
  readonly seconds: number;
  readonly directory: string;
}

/** Runs the code paths hot and fills the connection pools; not counted. */
export async function warmUp(proxy: RunningProxy, options: MeasureOptions): Promise<void> {
  await applyLoad(options.generator, proxy.port, options.request, 2, options.directory);
}

export async function measure(proxy: RunningProxy, options: MeasureOptions): Promise<Sample> {
  const before = proxy.process.cpu();
  const started = performance.now();
  const load = await applyLoad(options.generator, proxy.port, options.request, options.seconds, options.directory);
  const elapsedUs = (performance.now() - started) * 1000;
  const after = proxy.process.cpu();
  const user = after.userUs - before.userUs;
  const system = after.systemUs - before.systemUs;
  return {
    userUs: user / load.requests,
    systemUs: system / load.requests,
    perSecond: load.perSecond,
    p50Us: load.p50Us,
    p99Us: load.p99Us,
    residentMib: proxy.process.residentKib() / 1024,
    busy: (user + system) / elapsedUs,
    errors: load.errors,
  };
}

export function medians(samples: readonly Sample[]): Sample {
  const of = (pick: (sample: Sample) => number): number => median(samples.map(pick));
  return {
    userUs: of((s) => s.userUs),
    systemUs: of((s) => s.systemUs),
    perSecond: of((s) => s.perSecond),
    p50Us: of((s) => s.p50Us),
    p99Us: of((s) => s.p99Us),
    residentMib: of((s) => s.residentMib),
    busy: of((s) => s.busy),
    errors: samples.reduce((sum, s) => sum + s.errors, 0),
  };
}
