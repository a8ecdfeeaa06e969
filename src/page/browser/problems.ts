/** What needs attention now, in words, worst first. */
import type { BreakerLimitsPart, BreakerUse, CertificatePart, ClusterFigures, ClusterPart, HostSummary } from '../snapshot.ts';
import { count, duration, milliseconds, percent, perSecond, plural } from './format.ts';
import type { Store } from './store.ts';

export type Tone = 'error' | 'warning';

export interface Problem {
  /** Stays the same while the numbers in the text change. */
  readonly key: string;
  readonly tone: Tone;
  /** What it is about: "cluster payments". */
  readonly subject: string;
  readonly text: string;
  /** "#/..." */
  readonly href: string;
  /** Of two of the same tone, the larger comes first. */
  readonly weight: number;
}

export const ERROR_SHARE = 0.05;
const WARNING_SHARE = 0.01;
const NEAR_LIMIT = 0.8;
const DAY_MS = 86_400_000;
const CERTIFICATE_WARNING_DAYS = 30;

export function clusterHref(name: string): string {
  return `#/clusters/${encodeURIComponent(name)}`;
}

export function certificateTone(certificate: CertificatePart, nowMs: number): Tone | null {
  const left = certificate.notAfterWallMs - nowMs;
  if (left <= 0 || nowMs < certificate.notBeforeWallMs) return 'error';
  return left < CERTIFICATE_WARNING_DAYS * DAY_MS ? 'warning' : null;
}

/** Hosts as they were last told; a cluster without figures stands still, but its hosts may be ill all the same. */
export function hostSummary(store: Store, cluster: ClusterPart): HostSummary {
  const told = store.clusterFigures.get(cluster.id);
  if (told !== undefined) return told.hosts;
  let [healthy, degraded, unhealthy, ejected] = [0, 0, 0, 0];
  for (const host of cluster.hosts) {
    const health = store.hostHealth(host);
    if (health.state === 'healthy') healthy++;
    else if (health.state === 'degraded') degraded++;
    else unhealthy++;
    if (health.ejection !== null) ejected++;
  }
  return { total: cluster.hostCount, healthy, degraded, unhealthy, ejected };
}

export function hostSummaryText(hosts: HostSummary): string {
  if (hosts.total === 0) return 'no hosts';
  if (hosts.unhealthy === 0 && hosts.degraded === 0) return plural(hosts.total, 'host');
  const parts: string[] = [];
  if (hosts.unhealthy > 0) parts.push(`${hosts.unhealthy} of ${plural(hosts.total, 'host')} unhealthy`);
  if (hosts.ejected > 0) parts.push(`${hosts.ejected} ejected`);
  if (hosts.degraded > 0) parts.push(`${hosts.degraded} degraded`);
  return parts.join(', ');
}

/** Worst of what the cluster's figures say; null = all is well. */
export function clusterTone(figures: ClusterFigures | undefined, hosts: HostSummary): Tone | null {
  if (figures !== undefined && (figures.errors >= ERROR_SHARE || figures.overflowsPerS > 0)) return 'error';
  if (hosts.total > 0 && hosts.unhealthy === hosts.total) return 'error';
  if (hosts.unhealthy > 0 || hosts.degraded > 0) return 'warning';
  return figures !== undefined && figures.errors >= WARNING_SHARE ? 'warning' : null;
}

export function findProblems(store: Store): readonly Problem[] {
  const found = lastFound.get(store);
  if (found?.seq === store.seq && found.instance === store.instance) return found.problems;
  const problems: Problem[] = [];
  serverProblems(store, problems);
  for (const cluster of store.clusters.values()) clusterProblems(store, cluster, problems);
  for (const certificate of store.certificates) certificateProblem(certificate, store.wallMs, problems);
  problems.sort(worstFirst);
  lastFound.set(store, { seq: store.seq, instance: store.instance, problems });
  return problems;
}

/** Several parts of the page ask in the same second. */
const lastFound = new WeakMap<Store, { readonly seq: number; readonly instance: string; readonly problems: readonly Problem[] }>();

function serverProblems(store: Store, out: Problem[]): void {
  const { server } = store;
  if (server === null) return;
  const say = (key: string, text: string) =>
    out.push({ key: `server ${key}`, tone: 'warning', subject: 'This proxy', text, href: '#/server', weight: 1e9 });
  if (server.state === 'PRE_INITIALIZING' || server.state === 'INITIALIZING')
    say('state', `is starting${server.waitingFor.length === 0 ? '' : `, waiting for ${server.waitingFor.join(', ')}`}`);
  if (server.draining) say('drain', 'is draining its listeners');
  if (server.healthCheckFailed) say('health', 'answers health checks with failure, because it was told to');
}

function clusterProblems(store: Store, cluster: ClusterPart, out: Problem[]): void {
  const figures = store.clusterFigures.get(cluster.id);
  const hosts = hostSummary(store, cluster);
  const say = (key: string, tone: Tone, text: string, weight = figures?.rps ?? 0) =>
    out.push({
      key: `cluster ${cluster.id} ${key}`,
      tone,
      subject: `Cluster ${cluster.name}`,
      text,
      href: clusterHref(cluster.name),
      weight,
    });
  if (hosts.unhealthy + hosts.degraded > 0)
    say('hosts', hosts.unhealthy === hosts.total ? 'error' : 'warning', `has ${hostSummaryText(hosts)}`);
  if (figures === undefined) return;
  if (hosts.total === 0 && figures.rps > 0) say('hosts', 'error', 'gets requests but has no hosts');
  if (figures.errors >= WARNING_SHARE)
    say(
      'errors',
      figures.errors >= ERROR_SHARE ? 'error' : 'warning',
      `fails ${percent(figures.errors)} of its requests (${perSecond(figures.rps)}${figures.p99 === null ? '' : `, p99 ${milliseconds(figures.p99)}`})`,
    );
  if (figures.overflowsPerS > 0) say('overflow', 'error', `has circuit breakers open: ${perSecond(figures.overflowsPerS)} refused`);
  if (figures.connectFailuresPerS > 0)
    say('connect', 'warning', `cannot be connected to: ${perSecond(figures.connectFailuresPerS)} attempts fail`);
  figures.breakers.forEach((use, i) => {
    for (const gauge of breakerGauges(use, cluster.limits[i]!))
      if (gauge.limit !== null && gauge.limit > 0 && gauge.used >= gauge.limit * NEAR_LIMIT)
        say(
          `breaker ${i} ${gauge.name}`,
          'warning',
          `is ${gauge.used >= gauge.limit ? 'at' : 'near'} its limit: ${count(gauge.used)} of ${count(gauge.limit)} ${gauge.what}${i === 1 ? ' of high priority' : ''}`,
        );
  });
}

export interface BreakerGauge {
  /** Envoy's name of the limit. */
  readonly name: string;
  readonly what: string;
  readonly used: number;
  /** null = none. */
  readonly limit: number | null;
}

export function breakerGauges(use: BreakerUse | null, limits: BreakerLimitsPart): BreakerGauge[] {
  return [
    { name: 'max_connections', what: 'connections', used: use?.connections ?? 0, limit: limits.connections },
    { name: 'max_pending_requests', what: 'pending requests', used: use?.pending ?? 0, limit: limits.pending },
    { name: 'max_requests', what: 'requests', used: use?.requests ?? 0, limit: limits.requests },
    { name: 'max_retries', what: 'retries', used: use?.retries ?? 0, limit: use === null ? limits.retries : use.retriesLimit },
  ];
}

function certificateProblem(certificate: CertificatePart, nowMs: number, out: Problem[]): void {
  const tone = certificateTone(certificate, nowMs);
  if (tone === null) return;
  const leftS = (certificate.notAfterWallMs - nowMs) / 1000;
  const text =
    nowMs < certificate.notBeforeWallMs ? 'is not valid yet' : leftS < 0 ? `ended ${duration(-leftS)} ago` : `ends in ${duration(leftS)}`;
  out.push({
    key: `certificate ${certificate.path} ${certificate.serialNumber}`,
    tone,
    subject: `Certificate ${certificate.path}`,
    text,
    href: '#/certificates',
    weight: -leftS,
  });
}

/** What is wrong with one thing, in one line. What was found stays for a few seconds after it is over, so that it can be read. */
export class ProblemList {
  readonly #holdMs: number;
  readonly #seen = new Map<string, { problem: Problem; wallMs: number }>();

  constructor(holdMs = 5000) {
    this.#holdMs = holdMs;
  }

  update(store: Store): Problem[] {
    for (const problem of findProblems(store)) this.#seen.set(problem.key, { problem, wallMs: store.wallMs });
    const held: Problem[] = [];
    for (const [key, { problem, wallMs }] of this.#seen) {
      if (store.wallMs - wallMs > this.#holdMs || store.wallMs < wallMs) this.#seen.delete(key);
      else held.push(problem);
    }
    const lines = new Map<string, Problem>();
    for (const problem of held.sort(worstFirst)) {
      const first = lines.get(problem.subject);
      if (first === undefined) lines.set(problem.subject, { ...problem, key: problem.subject });
      else lines.set(problem.subject, { ...first, text: `${first.text}; ${problem.text}` });
    }
    return [...lines.values()];
  }
}

function worstFirst(a: Problem, b: Problem): number {
  if (a.tone !== b.tone) return a.tone === 'error' ? -1 : 1;
  return b.weight - a.weight || (a.key < b.key ? -1 : 1);
}
