/**
 * `npm run bench [-- --only outrider,envoy --scenario small-get --duration 5 --repeat 3 --load wrk --json FILE --check]`
 *
 * Forwarding proxies side by side in one run, each pinned to one core, load generator and upstream on the other. Runs are
 * interleaved (every proxy once, then again) and the medians shown, so that a change of the machine's mood hits all alike.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CertificateAuthority, type IssuedCertificate } from '../test/support/certificates.ts';
import { defaultGenerator, type Generator, type LoadRequest } from './load.ts';
import { measure, medians, type Sample, warmUp } from './measure.ts';
import { PROXY_NAMES, type ProxyName, type RunningProxy, startProxy, type Variant, whyNot } from './proxies.ts';
import { type Bar, format, median, print, printBars, table } from './table.ts';
import { startHttp2Upstream, startUpstream } from './upstream.ts';

interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly request: LoadRequest;
  readonly variant: Variant;
  /** CPU per request at most this many times Envoy's. */
  readonly bar: number | null;
}

const HTTP: Variant = { tcp: false, accessLog: false };
const TCP: Variant = { tcp: true, accessLog: false };
const SMALL_HTTP2: LoadRequest = { path: '/', bodyBytes: 0, http2: true };
let authority: CertificateAuthority | null = null;
/** Certificates are made when a scenario needs them. */
function withTls(where: 'downstream' | 'sidecars'): Variant {
  return {
    ...HTTP,
    get tls() {
      authority ??= new CertificateAuthority();
      certificate ??= authority.issue({ sans: 'DNS:localhost,URI:spiffe://bench/sidecar' });
      return { where, authority: authority.path, chain: certificate.chain, key: certificate.key };
    },
  };
}
let certificate: IssuedCertificate | null = null;
const SCENARIOS: readonly Scenario[] = [
  { name: 'small-get', title: 'GET, 100 bytes', request: { path: '/', bodyBytes: 0 }, variant: HTTP, bar: 0.75 },
  { name: 'get-10k', title: 'GET, 10 KiB', request: { path: '/10k', bodyBytes: 0 }, variant: HTTP, bar: 0.8 },
  { name: 'get-1m', title: 'GET, 1 MiB', request: { path: '/1m', bodyBytes: 0 }, variant: HTTP, bar: 1 },
  { name: 'post-10k', title: 'POST, 10 KiB', request: { path: '/', bodyBytes: 10 * 1024 }, variant: HTTP, bar: null },
  {
    name: 'access-log',
    title: 'GET, 100 bytes, text access log to a file',
    request: { path: '/', bodyBytes: 0 },
    variant: { tcp: false, accessLog: true },
    bar: 0.85,
  },
  {
    name: 'tracing-text-log',
    title: 'GET, 100 bytes, 1 % of requests traced, text access log',
    request: { path: '/', bodyBytes: 0 },
    variant: { tcp: false, accessLog: true, tracing: true },
    bar: 0.9,
  },
  {
    name: 'tracing-json-log',
    title: "GET, 100 bytes, 1 % of requests traced, JSON access log with Istio's 24 fields",
    request: { path: '/', bodyBytes: 0 },
    variant: { tcp: false, accessLog: true, jsonLog: true, tracing: true },
    bar: 0.9,
  },
  { name: 'h2-h1', title: 'GET, 100 bytes, HTTP/2 to HTTP/1', request: SMALL_HTTP2, variant: { ...HTTP, http2: 'downstream' }, bar: 0.95 },
  { name: 'h2-h2', title: 'GET, 100 bytes, HTTP/2 to HTTP/2', request: SMALL_HTTP2, variant: { ...HTTP, http2: 'both' }, bar: 1.1 },
  {
    name: 'grpc',
    title: 'unary gRPC, messages of 30 bytes, HTTP/2 to HTTP/2',
    request: { path: '/bench.Echo/Unary', bodyBytes: 0, http2: true, grpc: true },
    variant: { ...HTTP, http2: 'both' },
    bar: 1.1,
  },
  {
    name: 'resilience',
    title: 'GET, 100 bytes, with outlier detection, health checks, fault at 0 %, local rate limit',
    request: { path: '/', bodyBytes: 0 },
    variant: { tcp: false, accessLog: false, resilience: true },
    bar: 0.75,
  },
  {
    name: 'tls',
    title: 'GET, 100 bytes, over TLS',
    request: { path: '/', bodyBytes: 0, tls: 'kept' },
    variant: withTls('downstream'),
    bar: 0.85,
  },
  {
    name: 'tls-handshakes',
    title: 'GET, 100 bytes, a new TLS connection each',
    request: { path: '/', bodyBytes: 0, tls: 'new' },
    variant: withTls('downstream'),
    bar: 1.1,
  },
  {
    name: 'sidecars',
    title: 'GET, 100 bytes, through two sidecars (in one process) with mutual TLS between them',
    request: { path: '/', bodyBytes: 0 },
    variant: withTls('sidecars'),
    bar: 0.9,
  },
  { name: 'tcp-small', title: 'TCP, messages of about 100 bytes', request: { path: '/', bodyBytes: 0 }, variant: TCP, bar: 0.95 },
  { name: 'tcp-1m', title: 'TCP, 1 MiB', request: { path: '/1m', bodyBytes: 0 }, variant: TCP, bar: 1 },
];
const RESIDENT_BAR = 1.3;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    scenario: { type: 'string' },
    duration: { type: 'string', default: '5' },
    repeat: { type: 'string', default: '3' },
    load: { type: 'string' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
});

const names = values.only === undefined ? PROXY_NAMES : PROXY_NAMES.filter((name) => values.only?.split(',').includes(name));
const scenarios = SCENARIOS.filter((scenario) => values.scenario === undefined || values.scenario.split(',').includes(scenario.name));
const seconds = Number(values.duration);
const repeats = Number(values.repeat);
const generator = (values.load as Generator | undefined) ?? defaultGenerator();
const directory = mkdtempSync(join(tmpdir(), 'outrider-bench-'));

const results: { scenario: string; proxy: ProxyName; median: Sample; samples: Sample[] }[] = [];
const bars: Bar[] = [];
const upstream = await startUpstream(directory);
const http2Upstream = scenarios.some(({ variant }) => variant.http2 === 'both') ? await startHttp2Upstream() : null;
try {
  print(
    `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}; load by ${generator}, upstream ${upstream.what}; ${repeats} × ${seconds} s, medians`,
  );
  for (const scenario of scenarios) await runScenario(scenario);
} finally {
  await upstream.process.stop();
  await http2Upstream?.process.stop();
  // Set by a getter of the scenarios, which control flow analysis does not see.
  (authority as CertificateAuthority | null)?.remove();
  rmSync(directory, { recursive: true, force: true });
}
const met = printBars(bars);
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ seconds, repeats, generator, upstream: upstream.what, results, bars }, null, 2)}\n`);
process.exit(values.check && !met ? 1 : 0);

async function runScenario(scenario: Scenario): Promise<void> {
  print(`\n${scenario.name}: ${scenario.title}`);
  const running: RunningProxy[] = [];
  const samples = new Map<ProxyName, Sample[]>();
  const to = (scenario.variant.http2 === 'both' ? http2Upstream : null) ?? upstream;
  const options = { generator, request: scenario.request, seconds, directory };
  try {
    for (const name of names) {
      const reason = whyNot(name, scenario.variant);
      if (reason !== null) {
        print(`  skipped ${name}: ${reason}`);
        continue;
      }
      try {
        const proxy = await startProxy(name, scenario.variant, to.port, directory);
        running.push(proxy);
        samples.set(name, []);
        await warmUp(proxy, options);
      } catch (error) {
        print(`  skipped ${name}: ${String(error).split('\n').slice(0, 3).join(' ')}`);
      }
    }
    for (let round = 0; round < repeats; round++) {
      for (const proxy of running) samples.get(proxy.name)?.push(await measure(proxy, options));
    }
  } finally {
    for (const proxy of running) await proxy.process.stop();
  }
  report(scenario, samples);
}

function report(scenario: Scenario, samples: ReadonlyMap<ProxyName, Sample[]>): void {
  const rows = [...samples].filter(([, list]) => list.length > 0).map(([proxy, list]) => ({ proxy, median: medians(list), samples: list }));
  const envoy = rows.find((row) => row.proxy === 'envoy') ?? null;
  const cost = (sample: Sample): number => sample.userUs + sample.systemUs;
  // Paired by round: what slows a whole round down cancels out.
  const ratio = (list: readonly Sample[], pick: (sample: Sample) => number): number =>
    envoy === null ? Number.NaN : median(list.map((sample, round) => pick(sample) / pick(envoy.samples[round] as Sample)));
  for (const row of rows) results.push({ scenario: scenario.name, ...row });
  print(
    table(
      ['proxy', 'µs/request', 'user', 'system', '× Envoy', 'requests/s', 'p50 µs', 'p99 µs', 'MiB', '× Envoy', 'core', 'errors'],
      rows.map(({ proxy, median: m, samples: list }) => [
        proxy,
        cost(m).toFixed(1),
        m.userUs.toFixed(1),
        m.systemUs.toFixed(1),
        format(ratio(list, cost)),
        m.perSecond.toFixed(0),
        m.p50Us.toFixed(0),
        m.p99Us.toFixed(0),
        m.residentMib.toFixed(0),
        format(ratio(list, (sample) => sample.residentMib)),
        `${(m.busy * 100).toFixed(0)} %`,
        String(m.errors),
      ]),
    ),
  );
  const own = rows.find((row) => row.proxy === 'outrider');
  if (own === undefined || envoy === null) return;
  if (scenario.bar !== null)
    bars.push({ what: `${scenario.name}: CPU per request`, value: ratio(own.samples, cost), atMost: scenario.bar, unit: '× Envoy' });
  bars.push({
    what: `${scenario.name}: resident memory`,
    value: ratio(own.samples, (sample) => sample.residentMib),
    atMost: RESIDENT_BAR,
    unit: '× Envoy',
  });
}
