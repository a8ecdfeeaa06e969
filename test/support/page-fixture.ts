/** A made-up mesh for the live page: snapshots and ticks of any size, the same for the same seed. */
import type {
  BreakerUse,
  ClusterFigures,
  ClusterPart,
  EdgeFigures,
  EdgePart,
  HostFigures,
  HostHealth,
  ListenerPart,
  LoggedRequest,
  PageHistory,
  PageSnapshot,
  PageTick,
  RoutePart,
} from '../../src/page/snapshot.ts';

/** As the proxy does: the busiest edges, and hosts of the busiest clusters. */
const EDGES_TOLD = 1000;
const HOSTS_TOLD = 60;
const DAY_MS = 86_400_000;
const NAMES = ['reviews', 'ratings', 'details', 'payments', 'checkout', 'cart', 'search', 'login', 'images', 'mail', 'stock', 'prices'];
const HEALTHY: HostHealth = { state: 'healthy', flags: [], ejection: null, successRate: null };
const NO_USE: BreakerUse = { connections: 0, pending: 0, requests: 0, retries: 0, retriesLimit: 3 };

export interface FixtureOptions {
  readonly clusters?: number;
  /** Clusters with traffic. */
  readonly busy?: number;
  /** Names of clusters most of whose requests fail. */
  readonly failing?: readonly string[];
  readonly instance?: string;
}

export class PageFixture {
  readonly listeners: ListenerPart[];
  readonly routes: RoutePart[] = [];
  readonly clusters: ClusterPart[] = [];
  readonly edges: EdgePart[] = [];
  readonly failing: Set<string>;
  draining = false;
  logLevels: Record<string, string> = {};
  wallMs = Date.UTC(2026, 10, 22, 12, 0, 0);
  seq = 0;
  readonly #busy: number;
  readonly #instance: string;
  #id = 0;
  #requestId = 0;
  #random = 1;

  constructor(options: FixtureOptions = {}) {
    const count = options.clusters ?? 12;
    this.#busy = options.busy ?? Math.min(count, 40);
    this.#instance = options.instance ?? 'one';
    this.failing = new Set(options.failing ?? []);
    const listener = (name: string, address: string, direction: ListenerPart['direction'], tls: boolean): ListenerPart => ({
      id: this.#nextId(),
      name,
      addresses: [address],
      direction,
      tls,
    });
    this.listeners = [listener('edge', '0.0.0.0:10000', 'inbound', true), listener('outbound', '0.0.0.0:15001', 'outbound', false)];
    for (let i = 0; i < count; i++) this.#addCluster(NAMES[i] ?? `outbound|80|v${i % 7}|service-${i}.shop.svc.cluster.local`, i);
  }

  get instance(): string {
    return this.#instance;
  }

  cluster(name: string): ClusterPart {
    return this.clusters.find((c) => c.name === name)!;
  }

  snapshot(): PageSnapshot {
    return {
      instance: this.#instance,
      listeners: this.listeners,
      routes: this.routes,
      clusters: this.clusters,
      edges: this.edges,
      certificates: [
        this.#certificate('chain', '/etc/certs/edge.pem', ['DNS:shop.test', 'DNS:*.shop.test'], 61),
        this.#certificate('chain', 'spiffe-workload', ['URI:spiffe://mesh/ns/shop/sa/edge'], 5),
        this.#certificate('ca', '/etc/certs/ca.pem', [], 2200),
      ],
      requests: Array.from({ length: 14 }, (_, i) => this.request(i)).toReversed(),
      tick: { ...this.tick(), requests: [] },
    };
  }

  /** The next second. */
  tick(): PageTick {
    this.wallMs += 1000;
    this.seq++;
    const clusters: ClusterFigures[] = [];
    const edges: EdgeFigures[] = [];
    const hosts: HostFigures[] = [];
    let rps = 0;
    let errorRps = 0;
    const into = new Map(this.edges.map((edge) => [edge.to, edge]));
    const edgesTo = Map.groupBy(this.edges, (edge) => edge.to);
    for (const [i, cluster] of this.clusters.slice(0, this.#busy).entries()) {
      const figures = this.#clusterFigures(cluster, i);
      clusters.push(figures);
      rps += figures.rps;
      errorRps += figures.rps * figures.errors;
      for (const edge of edgesTo.get(cluster.id) ?? []) {
        if (edges.length >= EDGES_TOLD) break;
        edges.push(this.#edgeFigures(edge.id, figures, edge.shadow ? 0.1 : 1));
        const before = into.get(edge.from);
        if (before !== undefined) edges.push(this.#edgeFigures(before.id, figures, 1));
      }
      for (const host of i < HOSTS_TOLD ? cluster.hosts : [])
        hosts.push({
          id: host.id,
          cluster: cluster.id,
          rps: figures.rps / cluster.hosts.length,
          errors: figures.errors,
          p50: figures.p50,
          p90: figures.p90,
          p99: figures.p99,
          active: Math.round(figures.rps / 40),
          pending: 0,
          connections: 4,
          health: host.health,
        });
    }
    const totals = {
      rps,
      errors: rps === 0 ? 0 : errorRps / rps,
      p50: 4.2 + this.#noise(),
      p90: 18 + this.#noise(),
      p99: 96 + 9 * this.#noise(),
    };
    return {
      seq: this.seq,
      wallMs: this.wallMs,
      intervalMs: 1000,
      server: {
        version: '0.1.0/1.40.0',
        state: this.draining ? 'DRAINING' : 'LIVE',
        uptimeS: 7400 + this.seq,
        concurrency: 2,
        nodeId: 'sidecar~10.0.0.7~shop-5f7c.shop',
        nodeCluster: 'shop',
        waitingFor: [],
        healthCheckFailed: this.draining,
        draining: false,
        logLevel: 'info',
        logLevels: this.logLevels,
        memoryBytes: 93e6,
        viewers: 1,
        slowMs: 1000,
      },
      totals: {
        ...totals,
        active: Math.round(rps / 30),
        clientErrors: 0.012,
        connections: 240,
        connectionsPerS: 12,
        rxBytesPerS: rps * 700,
        txBytesPerS: rps * 5200,
        retriesPerS: rps / 90,
        timeoutsPerS: this.failing.size > 0 ? 2 : 0,
        overflowsPerS: 0,
      },
      listeners: this.listeners.map((listener, i) => ({
        id: listener.id,
        ...totals,
        rps: rps * (i === 0 ? 0.7 : 0.3),
        connections: 120,
        connectionsPerS: 6,
        rxBytesPerS: rps * 350,
        txBytesPerS: rps * 2600,
      })),
      edges,
      clusters,
      hosts,
      requests: this.seq % 3 === 0 ? [this.request(this.seq)] : [],
      changes: null,
    };
  }

  history(names: readonly string[]): PageHistory {
    return {
      series: names.map((name) => ({
        name,
        stepMs: 1000,
        untilWallMs: this.wallMs,
        values: Array.from({ length: 600 }, (_, i) => {
          const wave = 1 + 0.3 * Math.sin(i / 40) + 0.1 * this.#noise();
          if (name.endsWith('rrors')) return i > 400 && i < 430 ? 0.08 * wave : 0.004 * wave;
          if (/p\d\d$/.test(name)) return (name.endsWith('p99') ? 90 : name.endsWith('p90') ? 18 : 4) * wave;
          return (name.endsWith('rps') ? 900 : 4) * wave;
        }),
      })),
    };
  }

  request(i: number): LoggedRequest {
    const kinds = [
      {
        flag: 'UO',
        code: 503,
        details: 'overflow',
        text: '1,024 requests are pending in cluster payments; its limit max_pending_requests is 1,024.',
      },
      {
        flag: 'UH',
        code: 503,
        details: 'no_healthy_upstream',
        text: '0 of 5 hosts of cluster ratings are healthy: 3 are ejected by outlier detection (consecutive 5xx), 2 failed active health checks.',
      },
      { flag: 'UT', code: 504, details: 'response_timeout', text: "The route's timeout of 15 s passed; 2 attempts were made." },
      {
        flag: '',
        code: 200,
        details: 'via_upstream',
        text: 'It took 2.31 s, more than 1 s; the upstream needed 2.28 s until the first byte.',
      },
      { flag: 'NR', code: 404, details: 'route_not_found', text: 'No virtual host has the domain foo:8080; the nearest is foo.' },
    ] as const;
    const { flag, code, details, text } = kinds[i % kinds.length]!;
    const noRoute = flag === 'NR';
    return {
      id: ++this.#requestId,
      wallMs: this.wallMs,
      why: flag === '' ? 'slow' : 'failed',
      durationMs: flag === 'UT' ? 15_002 : flag === '' ? 2310 : 1.4,
      phases: {
        requestMs: 0.4,
        connectMs: noRoute ? null : 3,
        firstByteMs: flag === '' ? 2280 : null,
        responseMs: flag === '' ? 25 : null,
      },
      listener: 'edge',
      routeConfiguration: 'edge',
      virtualHost: noRoute ? '' : 'shop',
      route: noRoute ? '' : 'prefix /api',
      cluster: noRoute ? '' : ['payments', 'ratings', 'reviews', 'images'][i % 4]!,
      host: flag === 'UT' || flag === '' ? '10.0.3.7:8080' : '',
      protocol: 'HTTP/1.1',
      method: i % 2 === 0 ? 'GET' : 'POST',
      authority: noRoute ? 'foo:8080' : 'shop.test',
      path: `/api/v1/orders/${1000 + i}/items`,
      code,
      grpcStatus: null,
      flags: flag === '' ? [] : [flag],
      details,
      attempts: flag === 'UT' ? 2 : 1,
      requestId: `0b5f7c2e-6d6f-4d1c-9f3a-${String(i).padStart(12, '0')}`,
      traceId: '',
      explanation: [{ flag, text }],
    };
  }

  #nextId(): number {
    return ++this.#id;
  }

  /** -1 to 1. */
  #noise(): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    return Math.round((this.#random / 2_147_483_647) * 200 - 100) / 100;
  }

  #addCluster(name: string, i: number): void {
    const id = this.#nextId();
    const ejected = i === 1;
    const hosts = Array.from({ length: 1 + (i % 6) }, (_, h) => ({
      id: this.#nextId(),
      address: `10.0.${i % 250}.${h + 1}:8080`,
      hostname: '',
      weight: 1,
      priority: h === 5 ? 1 : 0,
      locality: `eu/eu-${'abc'[h % 3]}`,
      canary: false,
      health:
        ejected && h === 0
          ? {
              state: 'unhealthy' as const,
              flags: ['failed_outlier_check'],
              ejection: { sinceWallMs: this.wallMs - 9000, untilWallMs: this.wallMs + 51_000, count: 2, reason: 'consecutive 5xx' },
              successRate: 41.5,
            }
          : HEALTHY,
    }));
    const limits = { connections: 1024, pending: 1024, requests: 1024, retries: 3 };
    this.clusters.push({
      id,
      name,
      type: i % 3 === 0 ? 'EDS' : 'STRICT_DNS',
      lbPolicy: 'ROUND_ROBIN',
      addedViaApi: i > 11,
      tls: i % 2 === 0,
      http2: i % 4 === 0,
      healthChecked: i % 3 === 0,
      outlierDetection: ejected,
      limits: [limits, limits],
      hostCount: hosts.length,
      hosts,
    });
    const route = {
      id: this.#nextId(),
      kind: 'http' as const,
      routeConfiguration: i % 3 === 0 ? 'edge' : 'outbound',
      virtualHost: 'shop',
      name: i % 2 === 0 ? '' : `${name}-route`,
      match: `prefix /${name}`,
      action: 'forward',
    };
    this.routes.push(route);
    this.edges.push({ id: this.#nextId(), from: this.listeners[i % 3 === 0 ? 0 : 1]!.id, to: route.id, shadow: false });
    this.edges.push({ id: this.#nextId(), from: route.id, to: id, shadow: false });
    if (i === 4) this.edges.push({ id: this.#nextId(), from: this.routes[0]!.id, to: id, shadow: true });
  }

  #clusterFigures(cluster: ClusterPart, i: number): ClusterFigures {
    const failing = this.failing.has(cluster.name);
    const rps = Math.round((4000 / (1 + i)) * (1 + 0.1 * this.#noise())) / 10;
    const unhealthy = cluster.hosts.filter((h) => h.health.state === 'unhealthy').length;
    return {
      id: cluster.id,
      rps,
      errors: failing ? 0.42 : i % 5 === 3 ? 0.003 : 0,
      p50: 3 + i / 3 + this.#noise(),
      p90: 14 + i + this.#noise(),
      p99: 60 + 4 * i + 5 * this.#noise(),
      connectionsPerS: 0.4,
      connectFailuresPerS: 0,
      rxBytesPerS: rps * 5000,
      txBytesPerS: rps * 700,
      retriesPerS: failing ? 7 : 0.2,
      timeoutsPerS: failing ? 2 : 0,
      overflowsPerS: 0,
      shadowsPerS: i === 4 ? 40 : 0,
      breakers: [
        { connections: Math.round(rps / 8), pending: failing ? 900 : 0, requests: Math.round(rps / 10), retries: 0, retriesLimit: 3 },
        NO_USE,
      ],
      hosts: { total: cluster.hostCount, healthy: cluster.hostCount - unhealthy, degraded: 0, unhealthy, ejected: unhealthy },
    };
  }

  #edgeFigures(id: number, of: ClusterFigures, share: number): EdgeFigures {
    const { rps, errors, p50, p90, p99 } = of;
    return { id, rps: rps * share, errors, p50, p90, p99, connections: 0, connectionsPerS: 0, rxBytesPerS: 0, txBytesPerS: 0 };
  }

  #certificate(kind: 'chain' | 'ca', path: string, subjectAltNames: readonly string[], days: number) {
    return {
      kind,
      path,
      serialNumber: '5a:1f:0c:99',
      subjectAltNames,
      notBeforeWallMs: this.wallMs - 30 * DAY_MS,
      notAfterWallMs: this.wallMs + days * DAY_MS,
    };
  }
}
