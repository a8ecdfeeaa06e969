/** Reaches into the threads of a running proxy through Node's inspector: faults are injected without the program knowing of it. */
import { WebSocket } from 'ws';
import { until } from './poll.ts';
import type { ProxyProcess } from './proxy.ts';

/** For the proxy's environment. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

interface InspectorMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly workerInfo?: { readonly url: string }; readonly message?: string };
}

export class WorkerInspector {
  readonly #socket: WebSocket;
  readonly #sessions = new Set<string>();
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as InspectorMessage;
      const session = message.params?.sessionId ?? '';
      if (message.method === 'NodeWorker.detachedFromWorker') this.#sessions.delete(session);
      if (message.method === 'NodeWorker.attachedToWorker' && message.params?.workerInfo?.url.includes('worker-thread') === true)
        this.#sessions.add(session);
    });
  }

  /** @param proxy started with INSPECTED in its environment */
  static async attach(proxy: ProxyProcess): Promise<WorkerInspector> {
    const url = await until('the inspector listens', () => /ws:\/\/\S+/.exec(proxy.stderr)?.[0]);
    const socket = new WebSocket(url);
    const inspector = new WorkerInspector(socket);
    await until('the inspector is there', () => socket.readyState === WebSocket.OPEN);
    inspector.#send('NodeWorker.enable', { waitForDebuggerOnStart: false });
    return inspector;
  }

  /** Data-plane threads that are there. */
  get workers(): readonly string[] {
    return [...this.#sessions];
  }

  /** Throws an exception that nothing catches in that thread. */
  crash(worker: string): void {
    this.#inWorker(worker, 'setTimeout(() => { throw new Error("injected") })');
  }

  close(): void {
    this.#socket.close();
  }

  #inWorker(sessionId: string, expression: string): void {
    const message = JSON.stringify({ id: this.#nextId++, method: 'Runtime.evaluate', params: { expression } });
    this.#send('NodeWorker.sendMessageToWorker', { sessionId, message });
  }

  #send(method: string, params: object): void {
    this.#socket.send(JSON.stringify({ id: this.#nextId++, method, params }));
  }
}
