/** The proxy as a process of its own, as a user starts it: bootstrap in a folder of its own, ports chosen by the system. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOutrider } from './outrider.ts';
import { until } from './poll.ts';
import { keepLog } from './process-logs.ts';

/** For bootstraps of tests. */
export const ADMIN = 'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n';

export interface AdminAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface ProxyOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where the bootstrap is written; a new folder if not given. */
  readonly folder?: string;
  /** What to run instead of the checkout's program. */
  readonly program?: string;
  /** Do not wait until it is ready, only until the admin interface is there. */
  readonly notReady?: boolean;
}

export class ProxyProcess {
  /** Holds the bootstrap; for whatever else the test needs. */
  readonly folder: string;
  /** Resolves with the exit code; null = ended by a signal. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #agent = new http.Agent({ keepAlive: true });
  #ended = false;
  #code: number | null = null;
  #stdout = '';
  #stderr = '';
  #adminAddress = '';

  private constructor(folder: string, args: readonly string[], options: ProxyOptions) {
    this.folder = folder;
    this.#child = spawn(options.program ?? findOutrider(), [...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: folder,
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    keepLog(`the proxy ${this.#child.pid}`, () => this.#stderr);
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        this.#ended = true;
        this.#code = code;
        resolve(code);
      });
    });
  }

  /** Runs the program to its end with any arguments. */
  static async run(args: readonly string[], options: ProxyOptions = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const folder = options.folder ?? newFolder();
    const proxy = new ProxyProcess(folder, args, options);
    const code = await proxy.exited;
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    return { code, stdout: proxy.#stdout, stderr: proxy.#stderr };
  }

  /** @param bootstrap YAML with an `admin` section on port 0 (ADMIN) */
  static async start(bootstrap: string, options: ProxyOptions = {}): Promise<ProxyProcess> {
    const folder = options.folder ?? newFolder();
    const config = join(folder, 'bootstrap.yaml');
    const addressFile = join(folder, 'admin-address');
    writeFileSync(config, bootstrap);
    const args = ['-c', config, '--admin-address-path', addressFile, '--file-flush-interval-msec', '20', ...(options.args ?? [])];
    const proxy = new ProxyProcess(folder, args, options);
    try {
      await until('the proxy is ready', async () => {
        if (proxy.#ended) return true;
        proxy.#adminAddress = readFileSync(addressFile, 'utf8').trim();
        if (proxy.#adminAddress === '') return false;
        return options.notReady === true || (await proxy.admin('/ready')).status === 200;
      });
      if (proxy.#ended) throw new Error(`the proxy ended with ${proxy.#code}`);
    } catch (error) {
      proxy.kill('SIGKILL');
      await proxy.exited;
      throw new Error(`${(error as Error).message}\n${proxy.stderr}`);
    }
    return proxy;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return !this.#ended;
  }

  get exitCode(): number | null {
    return this.#code;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Its log, one JSON object a line, and what it prints besides. */
  get stderr(): string {
    return this.#stderr;
  }

  get adminAddress(): string {
    return this.#adminAddress;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  admin(path: string, method = 'GET'): Promise<AdminAnswer> {
    return new Promise((resolve, reject) => {
      const request = http.request(`http://${this.#adminAddress}${path}`, { method, agent: this.#agent }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          body += piece;
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end();
    });
  }

  /** Value of a counter or gauge; 0 if there is none. */
  async stat(name: string): Promise<number> {
    return (await this.stats(`^${name.replaceAll('.', '\\.')}$`)).get(name) ?? 0;
  }

  /** Counters and gauges whose name matches. */
  async stats(filter: string): Promise<Map<string, number>> {
    const { body } = await this.admin(`/stats?filter=${encodeURIComponent(filter)}`);
    const values = new Map<string, number>();
    for (const line of body.split('\n')) {
      const at = line.lastIndexOf(': ');
      const value = Number(line.slice(at + 2));
      if (at > 0 && !Number.isNaN(value)) values.set(line.slice(0, at), value);
    }
    return values;
  }

  /** Ports of the listeners that are open, by name. */
  async ports(): Promise<Map<string, number>> {
    const { listener_statuses: statuses = [] } = JSON.parse((await this.admin('/listeners?format=json')).body) as {
      listener_statuses?: { name: string; local_address: { socket_address?: { port_value: number } } }[];
    };
    return new Map(statuses.map((one) => [one.name, one.local_address.socket_address?.port_value ?? 0]));
  }

  /** Port of the listener of that name, as soon as it is open. */
  async port(listener: string): Promise<number> {
    return until(`listener ${listener} is open`, async () => (await this.ports()).get(listener));
  }

  /** Ends it at once and removes its folder. */
  async stop(): Promise<void> {
    this.#agent.destroy();
    if (!this.#ended) {
      this.kill('SIGKILL');
      await this.exited;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'outrider-test-'));
}

/** A listener on a port of the system's choosing with a connection manager. @param routes YAML flow list of routes */
export function httpListener(name: string, routes: string, more = ''): string {
  return `{name: ${name}, ${more}address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${hcm(
    `stat_prefix: ${name}, route_config: {name: ${name}, virtual_hosts: [{name: all, domains: ["*"], routes: ${routes}}]}`,
  )}]}]}`;
}

/** The connection manager with the router as its only filter. @param fields YAML flow fields */
export function hcm(fields: string): string {
  return `{name: envoy.filters.network.http_connection_manager, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, http_filters: [{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}], ${fields}}}`;
}

export function routeTo(cluster: string, more = ''): string {
  return `[{match: {prefix: /}, route: {cluster: ${cluster}${more}}}]`;
}

export function staticCluster(name: string, ...ports: number[]): string {
  return `{name: ${name}, type: STATIC, connect_timeout: 10s, load_assignment: ${endpoints(name, ...ports)}}`;
}

export function endpoints(cluster: string, ...ports: number[]): string {
  const hosts = ports.map((port) => `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}`);
  return `{cluster_name: ${cluster}, endpoints: [{lb_endpoints: [${hosts.join(', ')}]}]}`;
}
