/** Admin endpoint `POST /tap`: what the tap filters with one config_id see, for as long as somebody looks. Source: Envoy's Extensions::Common::Tap::AdminHandler. */
import type { AdminReply, AdminRequest, Endpoint } from '../admin/api.ts';
import { text } from '../admin/reply.ts';
import type { TapSettings } from '../filters/http/tap/settings.ts';
import { sleep } from '../runtime/sleep.ts';
import type { WorkerCall } from './messages.ts';

export interface TapWorkers {
  /** One answer of each. */
  query<T>(call: WorkerCall): Promise<T[]>;
  tell(call: WorkerCall): Promise<void>;
}

/** Traces that wait for a viewer who reads slowly; more are dropped. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** How soon it is noticed that the viewer has gone. */
const LOOK_EVERY_MS = 500;

interface Attached {
  readonly configId: string;
  readonly settings: TapSettings;
  readonly waiting: Uint8Array[];
  waitingBytes: number;
  wake: () => void;
}

export class AdminTaps {
  readonly #workers: () => TapWorkers;
  #attached: Attached | null = null;

  constructor(workers: () => TapWorkers) {
    this.#workers = workers;
  }

  /** What a worker that starts now must be told. */
  get state(): WorkerCall[] {
    const attached = this.#attached;
    return attached === null ? [] : [{ kind: 'set-tap', configId: attached.configId, settings: attached.settings }];
  }

  onTrace(configId: string, trace: Uint8Array): void {
    const attached = this.#attached;
    if (attached === null || attached.configId !== configId || attached.waitingBytes > MAX_WAITING_BYTES) return;
    attached.waiting.push(trace);
    attached.waitingBytes += trace.length;
    attached.wake();
  }

  endpoint(): Endpoint {
    return {
      path: '/tap',
      help: 'tap filters of one config_id: their traces as they come (JSON or YAML body, envoy.admin.v3.TapRequest)',
      mutates: true,
      parameters: [],
      handle: (request) => this.#handle(request),
    };
  }

  async #handle(request: AdminRequest): Promise<AdminReply> {
    if (this.#attached !== null) return text('An attached /tap admin stream already exists. Detach it.', 400);
    if (request.body === '') return text('/tap requires a JSON/YAML body', 400);
    const { loadTapRequest } = await import('./tap-request-config.ts');
    const asked = loadTapRequest(request.body);
    if (typeof asked === 'string') return text(asked, 400);
    if (this.#attached !== null) return text('An attached /tap admin stream already exists. Detach it.', 400);
    const { configId, settings } = asked;
    const attached: Attached = { configId, settings, waiting: [], waitingBytes: 0, wake: () => undefined };
    this.#attached = attached;
    const known = await this.#workers().query<boolean>({ kind: 'set-tap', configId, settings });
    if (!known.includes(true)) {
      await this.#detach(attached);
      return text(`Unknown config id '${configId}'. No extension has registered with this id.`, 400);
    }
    return { status: 200, contentType: 'text/plain; charset=UTF-8', endless: true, body: this.#traces(attached) };
  }

  async *#traces(attached: Attached): AsyncGenerator<string | Uint8Array> {
    const { sink } = attached.settings;
    const { maxTraces, timeoutMs } = sink.kind === 'admin' ? sink : { maxTraces: 0, timeoutMs: 0 };
    let over = false;
    if (timeoutMs > 0) {
      void sleep(timeoutMs).then(() => {
        over = true;
        attached.wake();
      });
    }
    try {
      for (let sent = 0; !over && (maxTraces === 0 || sent < maxTraces); ) {
        const trace = attached.waiting.shift();
        if (trace !== undefined) {
          attached.waitingBytes -= trace.length;
          sent++;
          yield trace;
          continue;
        }
        const woken = new Promise<void>((resolve) => {
          attached.wake = resolve;
        });
        await Promise.race([woken, sleep(LOOK_EVERY_MS)]);
        // Nothing is sent, and whether anybody still reads is looked at.
        if (attached.waiting.length === 0) yield '';
      }
    } finally {
      await this.#detach(attached);
    }
  }

  async #detach(attached: Attached): Promise<void> {
    if (this.#attached !== attached) return;
    await this.#workers().tell({ kind: 'set-tap', configId: attached.configId, settings: null });
    this.#attached = null;
  }
}
