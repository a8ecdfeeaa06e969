/** The proxy as its own process, with listeners on ports of its own choosing. */
import { readFileSync } from 'node:fs';
import { ADMIN, ProxyProcess } from './proxy.ts';

export class RunningProxy {
  readonly #proxy: ProxyProcess;
  readonly #ports: ReadonlyMap<string, number>;

  constructor(proxy: ProxyProcess, ports: ReadonlyMap<string, number>) {
    this.#proxy = proxy;
    this.#ports = ports;
  }

  /** Port of the listener of that name. */
  port(listener: string): number {
    return this.#ports.get(listener)!;
  }

  async admin(path: string): Promise<string> {
    return (await this.#proxy.admin(path)).body;
  }

  /** Value of a counter or gauge. */
  stat(name: string): Promise<number> {
    return this.#proxy.stat(name);
  }

  /** Bytes of resident memory; Linux. */
  resident(): number {
    const status = readFileSync(`/proc/${this.#proxy.pid}/status`, 'latin1');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  }

  stop(): Promise<void> {
    return this.#proxy.stop();
  }
}

/** @param resources `static_resources` of the bootstrap, in YAML; listeners on port 0 */
export async function startProxy(resources: string): Promise<RunningProxy> {
  const proxy = await ProxyProcess.start(`${ADMIN}static_resources:\n${resources}`, { args: ['-l', 'error'] });
  return new RunningProxy(proxy, await proxy.ports());
}
