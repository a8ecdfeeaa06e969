/**
 * original_src: the server sees the client's address, not the proxy's. Three network namespaces; what the server sends back to the clients
 * arrives at the proxy, which takes it as its own.
 *
 *   client 10.3.1.2 ── 10.3.1.1 proxy 10.3.2.1 ── 10.3.2.2 server
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findOutrider } from '../support/outrider.ts';
import { until } from '../support/poll.ts';
import { requireTool } from '../support/tool.ts';

const CLIENT = `outrider-oc${process.pid}`;
const PROXY = `outrider-op${process.pid}`;
const SERVER = `outrider-os${process.pid}`;
const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const MARK = 7;

const reason = whyNot();
if (reason !== '') process.stderr.write(`skipped: original_src tests: ${reason}\n`);

function whyNot(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'they need Linux and root';
  for (const tool of ['iptables', 'ip', 'curl'] as const) if (requireTool(tool) === null) return `"${tool}" is not installed`;
  if (spawnSync('setpriv', ['--version']).status !== 0) return '"setpriv" is not installed';
  const probe = `${PROXY}p`;
  const made =
    spawnSync('ip', ['netns', 'add', probe]).status === 0 &&
    spawnSync('ip', ['netns', 'exec', probe, 'iptables', '-t', 'mangle', '-S']).status === 0;
  spawnSync('ip', ['netns', 'del', probe]);
  return made ? '' : 'network namespaces, or the mangle table in them, are not permitted here';
}

const http = (port: number, listenerFilters: string, httpFilters: string) => `
  - name: http_${port}
    address: {socket_address: {address: 0.0.0.0, port_value: ${port}}}
    listener_filters: [${listenerFilters}]
    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h${port}
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: http_${port}}}]}]}
          http_filters: [${httpFilters}{name: r, typed_config: {"@type": ${TYPE}.http.router.v3.Router}}]`;
const cluster = (name: string, port: number) =>
  `  - {name: ${name}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 10.3.2.2, port_value: ${port}}}}}]}]}}`;
const LISTENER_FILTER = `{name: o, typed_config: {"@type": ${TYPE}.listener.original_src.v3.OriginalSrc, mark: ${MARK}}}`;
const HTTP_FILTER = `{name: o, typed_config: {"@type": ${TYPE}.http.original_src.v3.OriginalSrc}}, `;

const CONFIG = (admin: number, offset: number) => `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${admin}}}}
static_resources:
  listeners:${http(8001 + offset, LISTENER_FILTER, '')}${http(8002 + offset, '', HTTP_FILTER)}
  - name: tcp
    address: {socket_address: {address: 0.0.0.0, port_value: ${8003 + offset}}}
    listener_filters: [${LISTENER_FILTER}]
    filter_chains:
    - filters: [{name: t, typed_config: {"@type": ${TYPE}.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: tcp}}]
  clusters:
${cluster(`http_${8001 + offset}`, 3000)}
${cluster(`http_${8002 + offset}`, 3000)}
${cluster('tcp', 4000)}
`;

/** HTTP answers with whom it sees; TCP too, before it is told anything. */
const SERVERS = `
require('node:http').createServer((q, r) => r.end(q.socket.remoteAddress)).listen(3000, '0.0.0.0');
require('node:net').createServer((s) => { s.end(s.remoteAddress); s.on('error', () => 0); }).listen(4000, '0.0.0.0', () => console.log('up'));
`;

function sh(command: string): string {
  const result = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
  return result.stdout;
}

function inside(namespace: string, command: string): string {
  return sh(`ip netns exec ${namespace} ${command}`);
}

const curl = (port: number, ...headers: readonly string[]) =>
  inside(CLIENT, `curl -s --max-time 60 ${headers.map((header) => `-H '${header}'`).join(' ')} http://10.3.1.1:${port}/`);
const stat = (name: string, admin = 9901) =>
  Number(inside(PROXY, `curl -s 'http://127.0.0.1:${admin}/stats?filter=^${name}$'`).split(': ')[1] ?? 0);

describe.skipIf(reason !== '')('original_src', () => {
  const children: ChildProcess[] = [];
  let folder: string;

  function start(namespace: string, command: readonly string[], ready: string): Promise<unknown> {
    const child = spawn('ip', ['netns', 'exec', namespace, ...command]);
    children.push(child);
    let seen = '';
    const gather = (chunk: Buffer): void => void (seen += chunk.toString());
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    return until(`"${ready}"`, () => {
      if (child.exitCode !== null) throw new Error(seen);
      return seen.includes(ready);
    });
  }

  beforeAll(async () => {
    for (const namespace of [CLIENT, PROXY, SERVER]) sh(`ip netns add ${namespace} && ip netns exec ${namespace} ip link set lo up`);
    for (const [namespace, n] of [
      [CLIENT, 1],
      [SERVER, 2],
    ] as const) {
      sh(`ip -n ${PROXY} link add veth${n} type veth peer name veth0 netns ${namespace}`);
      sh(`ip -n ${PROXY} addr add 10.3.${n}.1/24 dev veth${n} && ip -n ${PROXY} link set veth${n} up`);
      sh(`ip -n ${namespace} addr add 10.3.${n}.2/24 dev veth0 && ip -n ${namespace} link set veth0 up`);
    }
    sh(`ip -n ${SERVER} route add default via 10.3.2.1`);
    // What the server sends to the clients' network ends here.
    sh(`ip -n ${PROXY} rule add iif veth2 lookup 100 && ip -n ${PROXY} route add local 10.3.1.0/24 dev lo table 100`);
    inside(PROXY, `iptables -t mangle -A OUTPUT -p tcp -m mark --mark ${MARK} -j ACCEPT`);
    folder = mkdtempSync(join(tmpdir(), 'outrider-'));
    chmodSync(folder, 0o755);
    const able = join(folder, 'able.yaml');
    const unable = join(folder, 'unable.yaml');
    writeFileSync(able, CONFIG(9901, 0));
    writeFileSync(unable, CONFIG(9902, 100));
    const drop = ['setpriv', '--reuid=1337', '--regid=1337', '--clear-groups'];
    await Promise.all([
      start(SERVER, [process.execPath, '-e', SERVERS], 'up'),
      start(PROXY, [...drop, '--inh-caps=-all,+net_admin', '--ambient-caps=+net_admin', findOutrider(), '-c', able], 'ready'),
      start(PROXY, [...drop, '--inh-caps=-all', findOutrider(), '-c', unable], 'ready'),
    ]);
  });

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    for (const namespace of [CLIENT, PROXY, SERVER])
      spawnSync('sh', ['-c', `ip netns pids ${namespace} | xargs -r kill -9; ip netns del ${namespace}`]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('HTTP: the listener filter', () => {
    expect(curl(8001)).toBe('10.3.1.2');
    expect(curl(8001)).toBe('10.3.1.2');
    // A connection to the server belongs to an address, not to a connection of its client's.
    expect(stat('cluster.http_8001.upstream_cx_total')).toBe(1);
  });

  test('the mark is on the sockets', () => {
    const packets = Number(/^\s*(\d+)/.exec(inside(PROXY, 'iptables -t mangle -L OUTPUT -v -x -n').split('\n')[2] ?? '')?.[1] ?? 0);
    expect(packets).toBeGreaterThan(3);
  });

  test('HTTP: the filter, request by request', () => {
    expect(curl(8002)).toBe('10.3.1.2');
    expect(curl(8002, 'x-forwarded-for: 10.3.1.77')).toBe('10.3.1.77');
    expect(curl(8002, 'x-forwarded-for: 10.3.1.78')).toBe('10.3.1.78');
    expect(curl(8002, 'x-forwarded-for: 10.3.1.77')).toBe('10.3.1.77');
    expect(stat('cluster.http_8002.upstream_cx_total')).toBe(3);
  });

  test('TCP', () => {
    const client = `const s = require('node:net').connect(8003, '10.3.1.1'); s.on('data', (d) => console.log(String(d)))`;
    expect(inside(CLIENT, `${process.execPath} -e "${client}"`).trim()).toBe('10.3.1.2');
  });

  test('without the capability nothing can be connected', () => {
    expect(curl(8101)).toContain('reset reason: local connection failure');
    expect(stat('cluster.http_8101.bind_errors', 9902)).toBe(1);
    expect(stat('cluster.http_8101.upstream_cx_active', 9902)).toBe(0);
  });
});
