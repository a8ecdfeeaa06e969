/** The proxy as its own process, on ports of its own choosing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOutrider } from './outrider.ts';

export class RunningProxy {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #admin: string;
  readonly #ports: ReadonlyMap<string, number>;

  constructor(process: ChildProcess, folder: string, admin: string, ports: ReadonlyMap<string, number>) {
    this.#process = process;
    this.#folder = folder;
    this.#admin = admin;
    this.#ports = ports;
  }

  /** Port of the listener of that name. */
  port(listener: string): number {
    return this.#ports.get(listener)!;
  }

  async admin(path: string): Promise<string> {
    return (await fetch(`http://${this.#admin}${path}`)).text();
  }

  /** Value of a counter or gauge. */
  async stat(name: string): Promise<number> {
    const line = (await this.admin(`/stats?filter=^${name.replaceAll('.', '\\.')}$`)).trim();
    return Number(line.slice(line.lastIndexOf(':') + 1));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGKILL');
      await once(this.#process, 'exit');
    }
    rmSync(this.#folder, { recursive: true });
  }
}

/** @param resources `static_resources` of the bootstrap, in YAML; listeners on port 0 */
export async function startProxy(resources: string): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'outrider-test-'));
  const config = join(folder, 'bootstrap.yaml');
  const addressFile = join(folder, 'admin');
  writeFileSync(config, `admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\nstatic_resources:\n${resources}`);
  const process = spawn(findOutrider(), ['-c', config, '-l', 'error', '--admin-address-path', addressFile], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let errors = '';
  process.stderr!.setEncoding('utf8').on('data', (text) => (errors += text));
  for (;;) {
    if (process.exitCode !== null) throw new Error(`the proxy ended with ${process.exitCode}: ${errors}`);
    const admin = existsSync(addressFile) ? readFileSync(addressFile, 'utf8').trim() : '';
    if (admin !== '' && (await isReady(admin))) return new RunningProxy(process, folder, admin, await ports(admin));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function isReady(admin: string): Promise<boolean> {
  return fetch(`http://${admin}/ready`).then(
    (response) => response.status === 200,
    () => false,
  );
}

async function ports(admin: string): Promise<Map<string, number>> {
  const listeners = (await (await fetch(`http://${admin}/listeners?format=json`)).json()) as {
    listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
  };
  return new Map(listeners.listener_statuses.map((one) => [one.name, one.local_address.socket_address.port_value]));
}
