/**
 * An unmodified client's connections taken by iptables: in a network namespace of its own, with another one as the world outside.
 *
 *   client (uid 2001) ── app namespace, 10.1.1.2 ── veth ── world namespace, 10.1.1.1: HTTP on 3000, a TCP service on 4000
 *                        outrider (uid 1337) on 15001, 15006 and 15007; the application on 8080
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findOutrider } from '../support/outrider.ts';
import { requireTool } from '../support/tool.ts';

const PROXY_UID = '1337';
const CLIENT_UID = '2001';
const APP = `outrider-a${process.pid}`;
const WORLD = `outrider-w${process.pid}`;

const reason = whyNot();
if (reason !== '') process.stderr.write(`skipped: interception tests: ${reason}\n`);

function whyNot(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'they need Linux and root';
  for (const tool of ['iptables', 'ip', 'curl'] as const) if (requireTool(tool) === null) return `"${tool}" is not installed`;
  if (spawnSync('setpriv', ['--version']).status !== 0) return '"setpriv" is not installed';
  const probe = `${APP}p`;
  const made =
    spawnSync('ip', ['netns', 'add', probe]).status === 0 &&
    spawnSync('ip', ['netns', 'exec', probe, 'iptables', '-t', 'nat', '-S']).status === 0;
  spawnSync('ip', ['netns', 'del', probe]);
  return made ? '' : 'network namespaces, or the nat table in them, are not permitted here';
}

const CONFIG = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
static_resources:
  listeners:
  - name: capture
    address: {socket_address: {address: 0.0.0.0, port_value: 15001}}
    use_original_dst: true
    filter_chains:
    - filters:
      - name: tcp
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: passthrough, cluster: original}
  - name: inbound
    address: {socket_address: {address: 0.0.0.0, port_value: 15006}}
    use_original_dst: true
    filter_chains:
    - filters:
      - name: tcp
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: redirect, cluster: original}
  - name: inbound_transparent
    address: {socket_address: {address: 0.0.0.0, port_value: 15007}}
    use_original_dst: true
    transparent: true
    filter_chains:
    - filters:
      - name: tcp
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tproxy, cluster: original}
  - name: http
    address: {socket_address: {address: 0.0.0.0, port_value: 3000}}
    bind_to_port: false
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {prefix: /}
                route: {cluster: original}
                request_headers_to_add:
                - header: {key: x-destination, value: "%DOWNSTREAM_LOCAL_ADDRESS%"}
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - {name: original, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 10s}
`;

/** The world outside: an HTTP server that tells what it saw, and a service that speaks first. */
const SERVERS = `
const { createServer } = require('node:http');
const net = require('node:net');
createServer((q, r) => r.end(JSON.stringify({ host: q.headers.host, destination: q.headers['x-destination'] ?? null, from: q.socket.remoteAddress }))).listen(3000);
net.createServer((s) => { s.write('220 ready\\n'); s.on('data', (d) => s.end('got ' + d)); s.on('error', () => 0); }).listen(4000, () => console.log('up'));
`;

const APPLICATION = `require('node:http').createServer((q, r) => r.end('application')).listen(8080, () => console.log('up'));`;

function sh(command: string): string {
  const result = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command}: ${result.stderr}`);
  return result.stdout;
}

/** Runs a program in a namespace as a user. */
function as(uid: string, namespace: string, command: readonly string[], capabilities: readonly string[] = ['--inh-caps=-all']): string[] {
  return ['netns', 'exec', namespace, 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...capabilities, ...command];
}

function curl(uid: string, url: string): { status: number | null; text: string } {
  const result = spawnSync('ip', as(uid, APP, ['curl', '-s', '--max-time', '60', url]), { encoding: 'utf8' });
  return { status: result.status, text: result.stdout };
}

function stat(name: string): number {
  const text = sh(`ip netns exec ${APP} curl -s 'http://127.0.0.1:9901/stats?filter=^${name}$'`);
  return Number(text.split(': ')[1] ?? 0);
}

function iptables(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('ip', ['netns', 'exec', APP, findOutrider(), 'iptables', ...args], { encoding: 'utf8' });
}

async function untilPrinted(child: ChildProcess, text: string): Promise<void> {
  let seen = '';
  await new Promise<void>((resolve, reject) => {
    const look = (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes(text)) resolve();
    };
    child.stdout!.on('data', look);
    child.stderr!.on('data', look);
    child.on('exit', () => reject(new Error(`ended before it said "${text}": ${seen}`)));
  });
}

describe.skipIf(reason !== '')('interception', () => {
  const children: ChildProcess[] = [];
  let folder: string;

  beforeAll(async () => {
    for (const namespace of [APP, WORLD]) sh(`ip netns add ${namespace} && ip netns exec ${namespace} ip link set lo up`);
    sh(`ip -n ${APP} link add veth0 type veth peer name veth0 netns ${WORLD}`);
    sh(`ip -n ${APP} addr add 10.1.1.2/24 dev veth0 && ip -n ${APP} link set veth0 up`);
    sh(`ip -n ${WORLD} addr add 10.1.1.1/24 dev veth0 && ip -n ${WORLD} link set veth0 up`);
    folder = mkdtempSync(join(tmpdir(), 'outrider-'));
    chmodSync(folder, 0o755);
    const config = join(folder, 'config.yaml');
    writeFileSync(config, CONFIG);
    const servers = spawn('ip', ['netns', 'exec', WORLD, process.execPath, '-e', SERVERS]);
    const application = spawn('ip', ['netns', 'exec', APP, process.execPath, '-e', APPLICATION]);
    // A transparent listener needs the capability; nothing else here does.
    const netAdmin = ['--inh-caps=-all,+net_admin', '--ambient-caps=+net_admin'];
    const proxy = spawn('ip', as(PROXY_UID, APP, [findOutrider(), '-c', config], netAdmin));
    children.push(servers, application, proxy);
    await Promise.all([untilPrinted(servers, 'up'), untilPrinted(application, 'up'), untilPrinted(proxy, 'ready')]);
    expect(iptables('apply', '--proxy-uid', PROXY_UID, '--proxy-port', '15001', '--outbound-exclude-ports', '5000')).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    for (const namespace of [APP, WORLD]) {
      spawnSync('sh', ['-c', `ip netns pids ${namespace} | xargs -r kill -9; ip netns del ${namespace}`]);
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test('HTTP is routed by the listener of its port, and reaches where it was going', () => {
    const answer = JSON.parse(curl(CLIENT_UID, 'http://10.1.1.1:3000/').text) as Record<string, string>;
    expect(answer).toMatchObject({ host: '10.1.1.1:3000', destination: '10.1.1.1:3000' });
    expect(stat('http.http.downstream_rq_total')).toBe(1);
    expect(stat('listener.0.0.0.0_3000.downstream_cx_total')).toBe(1);
  });

  test('everything else passes through byte for byte, whoever speaks first', () => {
    const client = `const s = require('node:net').connect(4000, '10.1.1.1'); let t = ''; s.on('data', (d) => { t += d; if (t === '220 ready\\n') s.write('x\\xff'); }); s.on('end', () => console.log(JSON.stringify(t)));`;
    const result = spawnSync('ip', as(CLIENT_UID, APP, [process.execPath, '-e', client]), { encoding: 'utf8', timeout: 60_000 });
    expect(JSON.parse(result.stdout)).toBe('220 ready\ngot x\xff');
    expect(stat('tcp.passthrough.downstream_cx_total')).toBe(1);
  });

  test('what the proxy sends itself is not redirected', () => {
    const before = stat('listener.0.0.0.0_15001.downstream_cx_total') + stat('listener.0.0.0.0_3000.downstream_cx_total');
    const answer = JSON.parse(curl(PROXY_UID, 'http://10.1.1.1:3000/').text) as Record<string, string | null>;
    expect(answer['destination']).toBeNull();
    expect(stat('listener.0.0.0.0_15001.downstream_cx_total') + stat('listener.0.0.0.0_3000.downstream_cx_total')).toBe(before);
  });

  test('applied again it is the same; foreign rules stay; cleaned it is gone', () => {
    sh(`ip netns exec ${APP} iptables -t nat -A OUTPUT -p tcp --dport 7777 -j ACCEPT`);
    // Policy counters of built-in chains count on.
    const rules = () => sh(`ip netns exec ${APP} iptables-save -t nat | grep -v '^[#:]' | sort`);
    const before = rules();
    expect(iptables('apply', '--proxy-uid', PROXY_UID, '--proxy-port', '15001', '--outbound-exclude-ports', '5000').status).toBe(0);
    expect(rules()).toBe(before);
    expect(iptables('clean').status).toBe(0);
    expect(iptables('clean').status).toBe(0);
    expect(rules()).toBe('*nat\n-A OUTPUT -p tcp -m tcp --dport 7777 -j ACCEPT\nCOMMIT\n');
    expect(JSON.parse(curl(CLIENT_UID, 'http://10.1.1.1:3000/').text)).toMatchObject({ destination: null });
  });

  test.each([
    ['redirect', '15006'],
    ['tproxy', '15007'],
  ])('inbound by %s reaches the application through the proxy', (mode, port) => {
    const args = ['--proxy-uid', PROXY_UID, '--proxy-port', '15001', '--inbound-port', port, '--mode', mode];
    expect(iptables('apply', ...args)).toMatchObject({ status: 0, stderr: '' });
    expect(sh(`ip netns exec ${WORLD} curl -s --max-time 60 http://10.1.1.2:8080/`)).toBe('application');
    expect(stat(`tcp.${mode}.downstream_cx_total`)).toBe(1);
    // A port that is excluded is left alone.
    expect(iptables('apply', ...args, '--inbound-exclude', '8000:8100').status).toBe(0);
    expect(sh(`ip netns exec ${WORLD} curl -s --max-time 60 http://10.1.1.2:8080/`)).toBe('application');
    expect(stat(`tcp.${mode}.downstream_cx_total`)).toBe(1);
    expect(iptables('clean')).toMatchObject({ status: 0, stderr: '' });
    expect(sh(`ip netns exec ${APP} ip rule`)).not.toContain('fwmark');
  });

  test('without NET_ADMIN it says so', () => {
    const result = spawnSync(
      'ip',
      as(CLIENT_UID, APP, [findOutrider(), 'iptables', 'apply', '--proxy-uid', PROXY_UID, '--proxy-port', '15001']),
      { encoding: 'utf8' },
    );
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('NET_ADMIN');
  });
});
