/** `outrider top` without a terminal: what is drawn, what keys do, how events are read. */
import { describe, expect, test } from 'vitest';
import type { ClusterFigures, ClusterPart, HostPart, LoggedRequest, PageSnapshot, PageTick } from '../../../src/page/snapshot.ts';
import { EventReader } from '../../../src/page/top/event-reader.ts';
import { bytes, millis, perSecond, share, span } from '../../../src/page/top/format.ts';
import { screen } from '../../../src/page/top/screen.ts';
import { TopState } from '../../../src/page/top/top-state.ts';
import { keysOf, TopView } from '../../../src/page/top/top-view.ts';

const LIMITS = { connections: 1024, pending: 1024, requests: 1024, retries: 3 };
const USE = { connections: 2, pending: 0, requests: 1, retries: 0, retriesLimit: 3 };

function host(id: number, address: string, ejected = false): HostPart {
  const ejection = ejected ? { sinceWallMs: 0, untilWallMs: 1_000_030_000, count: 1, reason: 'consecutive 5xx' } : null;
  const health = {
    state: ejected ? 'unhealthy' : 'healthy',
    flags: ejected ? ['failed_outlier_check'] : [],
    ejection,
    successRate: null,
  } as const;
  return { id, address, hostname: '', weight: 1, priority: 0, locality: 'eu/a', canary: false, health };
}

function cluster(id: number, name: string, hosts: HostPart[] = []): ClusterPart {
  const traits = { type: 'STATIC', lbPolicy: 'ROUND_ROBIN', addedViaApi: false, tls: true, http2: false };
  return { id, name, ...traits, healthChecked: false, outlierDetection: true, limits: [LIMITS, LIMITS], hostCount: hosts.length, hosts };
}

function figures(id: number, rps: number, errors: number, p99: number | null): ClusterFigures {
  const rates = { connectionsPerS: 0, connectFailuresPerS: 0, rxBytesPerS: 0, txBytesPerS: 0, retriesPerS: 0, timeoutsPerS: 0 };
  const hosts = { total: 2, healthy: 1, degraded: 0, unhealthy: 1, ejected: 1 };
  return { id, rps, errors, p50: p99, p90: p99, p99, ...rates, overflowsPerS: 0, shadowsPerS: 0, breakers: [USE, USE], hosts };
}

const FAILED = {
  id: 1,
  wallMs: 1_000_000_000,
  why: 'failed',
  durationMs: 3,
  cluster: 'payments',
  method: 'GET',
  authority: 'shop',
  path: '/pay\x1b[2J',
  code: 503,
  flags: ['UO'],
  explanation: [{ flag: 'UO', text: '1,024 requests pending in cluster payments, its limit max_pending_requests is 1,024.' }],
} as unknown as LoggedRequest;

function tick(seq: number, more: Partial<PageTick> = {}): PageTick {
  return {
    seq,
    wallMs: 1_000_000_000,
    intervalMs: 1000,
    server: {
      ...{ version: '1.2.3', state: 'LIVE', uptimeS: 7500, concurrency: 2, nodeId: 'sidecar', nodeCluster: '', waitingFor: [] },
      ...{ healthCheckFailed: false, draining: false, logLevel: 'info', logLevels: {}, memoryBytes: 100 << 20, viewers: 1, slowMs: 1000 },
    },
    totals: {
      ...{ rps: 1234, active: 3, errors: 0.05, clientErrors: 0, p50: 1.2, p90: 3, p99: 12, connections: 7, connectionsPerS: 1 },
      ...{ rxBytesPerS: 2048, txBytesPerS: 10_000_000, retriesPerS: 2, timeoutsPerS: 0, overflowsPerS: 0 },
    },
    listeners: [
      { id: 1, rps: 1234, errors: 0, p50: 1, p90: 2, p99: 3, connections: 7, connectionsPerS: 1, rxBytesPerS: 1, txBytesPerS: 1 },
    ],
    edges: [],
    clusters: [figures(11, 10, 0.5, 40), figures(12, 500, 0, 5)],
    hosts: [],
    requests: [],
    changes: null,
    ...more,
  };
}

function state(): TopState {
  const made = new TopState();
  const snapshot: PageSnapshot = {
    instance: 'a',
    listeners: [{ id: 1, name: 'front', addresses: ['127.0.0.1:80'], direction: 'outbound', tls: true }],
    routes: [],
    clusters: [
      cluster(11, 'payments', [host(21, '10.0.0.1:80'), host(22, '10.0.0.2:80', true)]),
      cluster(12, 'web'),
      cluster(13, 'idle', [host(23, '10.0.0.9:80')]),
    ],
    edges: [],
    certificates: [],
    requests: [FAILED],
    tick: tick(1),
  };
  made.snapshot(snapshot);
  return made;
}

const plain = (view: TopView, height = 0, colors = false) => screen(state(), view.of('127.0.0.1:9901', 150, height, colors));

describe('the overview', () => {
  const lines = plain(new TopView());

  test('begins with the process and its traffic', () => {
    expect(lines[0]).toBe('outrider 1.2.3 at 127.0.0.1:9901  LIVE  up 2h 5m  node sidecar  2 workers  100M memory');
    expect(lines[1]).toBe('requests 1,234/s  errors 5.0%  4xx -  p50 1.2ms  p90 3.0ms  p99 12ms  in flight 3');
    expect(lines[2]).toBe('connections 7 (1.0/s new)  in 2.0K/s  out 9.5M/s  retries 2.0/s  timeouts 0/s  overflows 0/s');
  });

  test('has clusters by traffic, with their hosts, and the last failures in words', () => {
    const from = lines.findIndex((line) => line.startsWith('CLUSTER'));
    expect(lines.slice(from + 1, from + 4).map((line) => line.split(/\s{2,}/)[0])).toEqual(['web', 'payments', 'idle']);
    expect(lines[from + 2]).toMatch(/payments\s+10\s+50%\s+40ms\s+40ms\s+0\s+0\s+0\s+2\s+1\/2 \(1 ejected\)$/);
    expect(lines[from + 3]).toMatch(/1\/1$/);
    expect(lines.at(-1)).toMatch(/503 UO {4} {2}GET shop\/pay\?\[2J {2}1,024 requests pending/);
  });

  test('lets nothing of what peers sent reach the terminal as a command', () => {
    expect(lines.join('')).not.toMatch(/[\u0000-\u001f]/);
  });

  test('fills a terminal exactly, however small', () => {
    for (const height of [6, 10, 24, 60]) {
      for (const width of [20, 80, 200]) {
        const drawn = screen(state(), new TopView().of('127.0.0.1:9901', width, height, false));
        expect(drawn).toHaveLength(height);
        for (const line of drawn) expect(line.length).toBeLessThanOrEqual(width);
      }
    }
  });

  test('of a proxy that is not there says so', () => {
    const view = new TopView();
    view.problem = 'connect ECONNREFUSED';
    expect(screen(new TopState(), view.of('x:1', 80, 24, false)).join('\n')).toContain('connect ECONNREFUSED');
  });
});

describe('one cluster', () => {
  const view = new TopView();
  view.detail = 'payments';
  const text = plain(view).join('\n');

  test('with its limits, its hosts and what failed', () => {
    expect(text).toContain('cluster payments  STATIC, ROUND_ROBIN, TLS, HTTP/1, outlier detection');
    expect(text).toContain('breakers default: connections 2/1024  pending 0/1024  requests 1/1024  retries 0/3');
    expect(text).toMatch(/10\.0\.0\.2:80\s+unhealthy \(ejected: consecutive 5xx, 30s left\)/);
    expect(text).toContain('1,024 requests pending');
    expect(text.indexOf('10.0.0.2:80')).toBeLessThan(text.indexOf('10.0.0.1:80'));
  });

  test('that is gone', () => {
    const gone = new TopView();
    gone.detail = 'no-more';
    expect(plain(gone).join('\n')).toContain('There is no cluster no-more any more.');
  });
});

describe('ticks', () => {
  test('change what there is', () => {
    const now = state();
    const changes = { listeners: [], routes: [], clusters: [cluster(14, 'new')], edges: [], removed: [13], certificates: null };
    now.next(tick(2, { clusters: [figures(14, 9000, 0, 1)], changes, requests: [{ ...FAILED, id: 2, path: '/newer' }] }));
    const text = screen(now, new TopView().of('a', 150, 0, false)).join('\n');
    expect(text).toMatch(/new\s+9,000/);
    expect(text).not.toMatch(/^idle/m);
    expect(text).toMatch(/payments\s+0 /);
    expect(text.indexOf('/newer')).toBeLessThan(text.indexOf('/pay?'));
  });
});

describe('keys', () => {
  test('sort, filter, move, look at one, come back, end', () => {
    const now = state();
    const view = new TopView();
    expect(view.key('s', now)).toBe('drawn');
    expect(view.sort).toBe('errors');
    for (const key of '/we') view.key(key, now);
    expect(plain(view, 30).join('\n')).toContain('filter: we_');
    view.key('\r', now);
    expect(view).toMatchObject({ typing: false, filter: 'we' });
    expect(view.key('\x1b[B', now)).toBe('drawn');
    expect(view.selected).toBe(0);
    expect(view.key('\r', now)).toBe('detail');
    expect(view.detail).toBe('web');
    expect(view.key('\x1b', now)).toBe('detail');
    expect(view).toMatchObject({ detail: '', filter: 'we' });
    view.key('\x1b', now);
    expect(view.filter).toBe('');
    view.key('j', now);
    view.key('j', now);
    view.key('j', now);
    expect(view.selected).toBe(2);
    expect(view.key('q', now)).toBe('quit');
    expect(view.key('\x03', now)).toBe('quit');
  });

  test('q is a letter while a filter is typed', () => {
    const view = new TopView();
    view.key('/', state());
    expect(view.key('q', state())).toBe('drawn');
    expect(view.filter).toBe('q');
    view.key('\x7f', state());
    expect(view.filter).toBe('');
    view.key('\x1b', state());
    expect(view.typing).toBe(false);
  });

  test('come several at once', () => {
    expect(keysOf('\x1b[A\x1bOBq/\x1b[6~\x1b')).toEqual(['\x1b[A', '\x1b[B', 'q', '/', '\x1b[6~', '\x1b']);
  });
});

describe('events', () => {
  const stream = 'retry: 1000\nevent: snapshot\nid: 1\ndata: {"a":1}\n\nevent: tick\nid: 2\ndata: {"b":2}\n\nevent: tick\ndata: 3\n\n';

  test('are the same however the stream is cut', () => {
    for (let size = 1; size < stream.length; size++) {
      const events: string[] = [];
      const reader = new EventReader((event, data) => events.push(`${event} ${data}`));
      for (let at = 0; at < stream.length; at += size) reader.read(stream.slice(at, at + size));
      expect(events).toEqual(['snapshot {"a":1}', 'tick {"b":2}', 'tick 3']);
    }
  });
});

describe('figures', () => {
  test.each([
    [perSecond(0), '0'],
    [perSecond(0.01), '<0.1'],
    [perSecond(3.14), '3.1'],
    [perSecond(12345.6), '12,346'],
    [share(0), '-'],
    [share(0.0001), '<0.1%'],
    [share(0.123), '12%'],
    [millis(null), '-'],
    [millis(0.82), '0.8ms'],
    [millis(1500), '1.5s'],
    [bytes(999), '999'],
    [bytes(1536), '1.5K'],
    [bytes(20 << 20), '20M'],
    [span(59), '59s'],
    [span(3600 * 50), '2d 2h'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });
});
