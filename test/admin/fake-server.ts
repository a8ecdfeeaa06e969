/** An admin server over a process that is made up: what a test changes is recorded, what it asks for is here. */
import { request } from 'node:http';
import { AdminServer } from '../../src/admin/admin-server.ts';
import type { AdminAccessRecord, AdminDeps, ClusterStatus, Endpoint, JsonObject, ServerState } from '../../src/admin/api.ts';
import { InspectorProfiler } from '../../src/admin/profiler.ts';
import { HealthFlag } from '../../src/lb/host.ts';
import { ipAddress } from '../../src/net/address.ts';
import { type Logger, type LogLevel, silentLogger } from '../../src/runtime/logger.ts';
import { RealClock } from '../../src/runtime/real-clock.ts';
import { StatsAggregate } from '../../src/stats/aggregate.ts';

const LIMITS = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 };
const NO_COUNTS = {
  cxActive: 0,
  cxConnectFail: 0,
  cxTotal: 0,
  rqActive: 0,
  rqError: 0,
  rqSuccess: 0,
  rqTimeout: 0,
  rqTotal: 0,
  healthFlags: 0,
};

const web: ClusterStatus = {
  name: 'web:1',
  observabilityName: 'web:1',
  edsServiceName: '',
  addedViaApi: false,
  outlier: {
    successRateAverage: -1,
    successRateEjectionThreshold: -1,
    localOriginSuccessRateAverage: -1,
    localOriginSuccessRateEjectionThreshold: -1,
  },
  defaultPriority: LIMITS,
  highPriority: LIMITS,
  hosts: [
    {
      address: ipAddress('127.0.0.1', 8080),
      hostname: 'hh',
      counts: { ...NO_COUNTS, cxActive: 2, cxTotal: 3, rqError: 1, rqSuccess: 5, rqTotal: 7 },
      rqPendingActive: 0,
      healthFlags: 0,
      weight: 1,
      locality: { region: 'r1', zone: 'z1', subZone: '' },
      canary: false,
      priority: 0,
      successRate: -1,
      localOriginSuccessRate: -1,
    },
  ],
};

const dead: ClusterStatus = {
  ...web,
  name: 'dead',
  observabilityName: 'dd',
  edsServiceName: 'dead-eds',
  addedViaApi: true,
  outlier: null,
  hosts: [
    {
      ...Array.from(web.hosts)[0]!,
      address: ipAddress('::1', 1),
      hostname: '',
      counts: NO_COUNTS,
      healthFlags: HealthFlag.FailedActiveHc | HealthFlag.FailedEdsHealth,
      weight: 3,
      locality: { region: '', zone: '', subZone: '' },
      priority: 1,
      successRate: 99.5,
    },
  ],
};

const CONFIGS: readonly JsonObject[] = [
  {
    '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump',
    bootstrap: { node: { id: 'n1', cluster: 'c1' }, admin: { profile_path: '/p' } },
    last_updated: '2026-01-01T00:00:00.000Z',
  },
  {
    '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
    static_clusters: ['web', 'dead'].map((name) => ({
      cluster: { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name, connect_timeout: '1s' },
      last_updated: '2026-01-01T00:00:00.000Z',
    })),
  },
];

export class FakeServer {
  readonly stats = new StatsAggregate();
  readonly calls: string[] = [];
  readonly accessLog: AdminAccessRecord[] = [];
  readonly loggers = new Map<string, Logger>([
    ['admin', fakeLogger()],
    ['http', fakeLogger()],
  ]);
  state: ServerState = 'LIVE';
  runtimeValues: Map<string, string> | null = new Map();
  clusters: Iterable<ClusterStatus> = [dead, web];
  port = 0;
  refreshed = 0;
  flushes = 0;
  onQuit: () => void = () => undefined;
  readonly #admin: AdminServer;

  constructor(
    options: { readonly profilePath?: string; readonly extraEndpoints?: readonly Endpoint[]; readonly hostNames?: readonly string[] } = {},
  ) {
    const deps: AdminDeps = {
      clock: new RealClock(),
      logger: silentLogger,
      stats: this.stats,
      accessLogs: [{ log: (record) => this.accessLog.push(record) }],
      allows: (path) => !path.startsWith('/secret'),
      profiler: new InspectorProfiler(options.profilePath ?? '/nonexistent/outrider.prof'),
      state: () => this.state,
      serverInfo: () => ({
        version: 'abc/1.40.0/Clean/RELEASE/Node',
        uptimeCurrentEpochS: 6.7,
        uptimeAllEpochsS: 6.7,
        hotRestartVersion: 'disabled',
        commandLineOptions: { concurrency: 1 },
        node: { id: 'n1' },
      }),
      threads: async () => [{ name: 'control', cpuSeconds: 1.5, activeSeconds: 2, idleSeconds: 3, heapBytes: 4 }],
      flushStats: () => {
        this.flushes++;
      },
      refresh: () => {
        this.refreshed++;
        return null;
      },
      clusters: () => this.clusters,
      listeners: () => [
        { name: 'front', address: ipAddress('127.0.0.1', 80), additionalAddresses: [] },
        { name: 'up', address: ipAddress('127.0.0.1', 81), additionalAddresses: [ipAddress('::1', 82)] },
      ],
      configDump: async (includeEds) =>
        includeEds ? [...CONFIGS, { '@type': 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump' }] : CONFIGS,
      certificates: () => [],
      unreadyTargets: () => (this.state === 'LIVE' ? [] : [{ name: 'init manager Server', targets: ['target LDS'] }]),
      runtime: () => ({
        layers: ['static', 'admin'],
        entries: { 'b.c': { finalValue: '5', layerValues: ['5', ''] }, a: { finalValue: '1', layerValues: ['', '1'] } },
      }),
      modifyRuntime: (values) => {
        for (const [key, value] of values) this.runtimeValues?.set(key, value);
        return this.runtimeValues !== null;
      },
      loggers: () => this.loggers,
      memory: () => ({ allocated: 1, heapSize: 2, pageheapUnmapped: 3, pageheapFree: 4, totalThreadCache: 5, totalPhysicalBytes: 6 }),
      failHealthChecks: (fail) => {
        this.state = fail ? 'DRAINING' : 'LIVE';
      },
      drainListeners: (options) => this.calls.push(`drain ${JSON.stringify(options)}`),
      reopenLogs: () => this.calls.push('reopen'),
      quit: () => {
        this.calls.push('quit');
        this.onQuit();
      },
      hostNames: options.hostNames ?? [],
      extraEndpoints: [
        {
          path: '/extra',
          help: 'from elsewhere',
          mutates: false,
          parameters: [],
          handle: () => ({ status: 200, contentType: 'text/plain', body: 'x' }),
        },
        ...(options.extraEndpoints ?? []),
      ],
    };
    this.#admin = new AdminServer(deps);
  }

  start(): Promise<this> {
    return this.startAt(0);
  }

  async startAt(port: number): Promise<this> {
    this.port = (await this.#admin.start(ipAddress('127.0.0.1', port))).port;
    return this;
  }

  stop(): Promise<void> {
    return this.#admin.stop();
  }

  /** One request on a connection of its own. */
  ask(target: string, form?: string): Promise<Answer> {
    const space = target.indexOf(' ');
    const method = space < 0 ? 'GET' : target.slice(0, space);
    return new Promise((resolve, reject) => {
      const headers = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
      const outgoing = request({ port: this.port, method, path: target.slice(space + 1), agent: false, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode!, type: response.headers['content-type'] ?? '', body }));
        response.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end(form);
    });
  }
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function fakeLogger(): Logger {
  const logger = { ...silentLogger, level: 'warning' as LogLevel, setLevel: (level: LogLevel) => void (logger.level = level) };
  return logger;
}
