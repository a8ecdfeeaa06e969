/** The proxy as its own process, with listeners on ports of its own choosing. */
import { ADMIN, Proxy } from './proxy.ts';

export class RunningProxy {
  readonly #proxy: Proxy;
  readonly #ports: ReadonlyMap<string, number>;

  constructor(proxy: Proxy, ports: ReadonlyMap<string, number>) {
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

  stop(): Promise<void> {
    return this.#proxy.stop();
  }
}

/** @param resources `static_resources` of the bootstrap, in YAML; listeners on port 0 */
export async function startProxy(resources: string): Promise<RunningProxy> {
  const proxy = await Proxy.start(`${ADMIN}static_resources:\n${resources}`, { args: ['-l', 'error'] });
  return new RunningProxy(proxy, await proxy.ports());
}
