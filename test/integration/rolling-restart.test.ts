/**
 * Three pods are replaced one after the other under 200 requests a second, while discovery tells of each change late: no GET may fail.
 * Time is scaled down: endpoints lag by 0.4 s instead of 2 s.
 */
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, endpoints, httpListener, newFolder, ProxyProcess, routeTo } from '../support/proxy.ts';

const LAG_MS = 400;
const EVERY_MS = 5;
/** What a request takes, so that some are in flight when a pod ends. */
const SERVICE_MS = 10;

const CHECKS =
  'health_checks: [{timeout: 2s, interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /health}}]';
/** As meshes set it: Envoy's default lets three requests be retried at a time, and a pod that is killed resets more. */
const BREAKERS = 'circuit_breakers: {thresholds: [{max_retries: 1000}]}';
const RETRIES =
  ', retry_policy: {retry_on: "connect-failure,refused-stream,reset", num_retries: 3, retry_host_predicate: [{name: p, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], host_selection_retry_max_attempts: 5}';

class Pod {
  readonly #server: http.Server;
  readonly #sockets = new Set<net.Socket>();
  port = 0;
  requests = 0;

  constructor(name: string) {
    this.#server = http.createServer((request, response) => {
      if (request.url === '/health') {
        response.end('ok');
        return;
      }
      this.requests++;
      setTimeout(() => response.end(name), SERVICE_MS);
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as net.AddressInfo).port;
    return this;
  }

  /** 'killed': whatever it was doing. 'gracefully': what it has begun it ends; nothing new is taken. */
  stop(how: 'killed' | 'gracefully'): void {
    this.#server.close();
    if (how === 'gracefully') this.#server.closeIdleConnections();
    else for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

const pods: Pod[] = [];
let proxy: ProxyProcess | null = null;
afterEach(async () => {
  await proxy?.stop();
  for (const pod of pods.splice(0)) pod.stop('killed');
});

async function newPod(name: string): Promise<Pod> {
  const pod = await new Pod(name).start();
  pods.push(pod);
  return pod;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test.each(['gracefully', 'killed'] as const)('pods that end %s', async (how) => {
  const folder = newFolder();
  let version = 0;
  const tell = (list: readonly Pod[]): void => {
    const resource = endpoints('app', ...list.map(({ port }) => port));
    const typed = resource.replace('{', '{"@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, ');
    writeFileSync(join(folder, '.eds.yaml'), `version_info: "${++version}"\nresources:\n- ${typed}\n`);
    renameSync(join(folder, '.eds.yaml'), join(folder, 'eds.yaml'));
  };
  let current = await Promise.all(['a1', 'b1', 'c1'].map(newPod));
  tell(current);
  const eds = `eds_cluster_config: {eds_config: {path_config_source: {path: "${join(folder, 'eds.yaml')}"}}}`;
  const cluster = `{name: app, type: EDS, connect_timeout: 10s, ${eds}, ${CHECKS}, ${BREAKERS}}`;
  const bootstrap = `${ADMIN}node: {id: test, cluster: test}\nstatic_resources:\n  listeners:\n  - ${httpListener('l', routeTo('app', RETRIES))}\n  clusters:\n  - ${cluster}\n`;
  proxy = await ProxyProcess.start(bootstrap, { folder, args: ['-l', 'error'] });
  const port = await proxy.port('l');

  const agent = new http.Agent({ keepAlive: true });
  const outcomes = new Map<string, number>();
  const note = (what: string): void => void outcomes.set(what, (outcomes.get(what) ?? 0) + 1);
  const calls: Promise<void>[] = [];
  let sending = true;
  const client = (async () => {
    while (sending) {
      calls.push(
        call(port, '/', agent).then(
          ({ status, body }) => note(status === 200 ? body : `failed: ${status} ${body}`),
          (error: Error) => note(`failed: ${error.message}`),
        ),
      );
      await pause(EVERY_MS);
    }
  })();

  await until('all pods are in use', () => current.every(({ requests }) => requests > 0));
  for (const [i, name] of ['a2', 'b2', 'c2'].entries()) {
    const old = current[i]!;
    const fresh = await newPod(name);
    old.stop(how);
    current = current.with(i, fresh);
    await pause(LAG_MS);
    tell(current);
    // As a deployment does: the next pod goes when this one is in use.
    await until(`${name} is in use`, () => fresh.requests > 0);
    await pause(100);
  }
  sending = false;
  await client;
  await Promise.all(calls);
  agent.destroy();

  const failures = [...outcomes].filter(([what]) => what.startsWith('failed'));
  expect(failures).toEqual([]);
  expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['a2', 'b2', 'c2']));
  expect(calls.length).toBeGreaterThan(50);
  await expect.poll(() => proxy!.stat('cluster.app.membership_total')).toBe(3);
});
