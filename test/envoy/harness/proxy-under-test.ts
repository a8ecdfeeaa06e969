/** Starts a proxy (Envoy or Outrider, they take the same arguments) on a bootstrap file, and reads its admin interface. */
import { type ChildProcess, spawn } from 'node:child_process';
import http from 'node:http';
import { keepLog } from '../../support/process-logs.ts';

const READY_MS = 120_000;

export interface AdminAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export class ProxyUnderTest {
  readonly #child: ChildProcess;
  readonly #adminPort: number;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #output = '';
  #exited: Promise<void>;
  #exitCode: number | null = null;

  private constructor(child: ChildProcess, adminPort: number) {
    this.#child = child;
    this.#adminPort = adminPort;
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-20_000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#output += String(error);
        this.#exitCode = -1;
        resolve();
      });
      child.once('exit', (code) => {
        this.#exitCode = code ?? -1;
        resolve();
      });
    });
  }

  static async start(binary: string, file: string, adminPort: number, args: readonly string[] = []): Promise<ProxyUnderTest> {
    const all = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '--file-flush-interval-msec', '50', '-l', 'error', ...args];
    const proxy = new ProxyUnderTest(spawn(binary, all, { stdio: ['ignore', 'pipe', 'pipe'] }), adminPort);
    keepLog(`${binary} ${proxy.pid}`, () => proxy.output);
    await proxy.#ready(binary);
    return proxy;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get output(): string {
    return this.#output;
  }

  async admin(path: string, method = 'GET'): Promise<AdminAnswer> {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: this.#adminPort, path, method, agent: this.#agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end();
    });
  }

  /** Counters and gauges that are not 0, by name. */
  async stats(): Promise<Map<string, number>> {
    const { body } = await this.admin('/stats?usedonly');
    const out = new Map<string, number>();
    for (const line of body.split('\n')) {
      const at = line.lastIndexOf(': ');
      const value = Number(line.slice(at + 2));
      if (at > 0 && Number.isInteger(value) && value !== 0) out.set(line.slice(0, at), value);
    }
    return out;
  }

  /** Ends the process as an orchestrator would; whatever is buffered has to be written by then. */
  async stop(): Promise<void> {
    this.#agent.destroy();
    if (this.#exitCode === null) this.#child.kill('SIGTERM');
    // Envoy ends its connections at once, Outrider waits for those that are in use; a second signal says not to.
    const again = setTimeout(() => this.#child.kill('SIGTERM'), 300);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 30_000);
    await this.#exited;
    clearTimeout(again);
    clearTimeout(timer);
  }

  async #ready(binary: string): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (Date.now() < deadline) {
      if (this.#exitCode !== null) throw new Error(`${binary} ended with ${this.#exitCode}: ${this.#complaint()}`);
      const status = await this.admin('/ready').then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await this.stop();
    throw new Error(`${binary} was not ready in ${READY_MS} ms: ${this.#complaint()}`);
  }

  /** What it printed, short enough for a test's message: Envoy repeats the whole configuration in its errors. */
  #complaint(): string {
    return this.#output
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, 12)
      .map((line) => (line.length > 500 ? `${line.slice(0, 350)} … ${line.slice(-150)}` : line))
      .join('\n');
  }
}
