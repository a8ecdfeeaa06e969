/** Sessions of TLS 1.2 that are resumed by their number (RFC 5246 §7.3), where tickets are not wanted. Each worker has its own. */
import type { EventEmitter } from 'node:events';

/** BoringSSL's bound. A session is about 1.5 KiB with a client's certificate. */
const MAX_SESSIONS = 20_480;

export class SessionCache {
  readonly #sessions: Map<string, Buffer>;

  constructor() {
    this.#sessions = new Map();
  }

  /** @param server what a TLS socket takes for its server */
  serve(server: EventEmitter): void {
    server.on('newSession', (id: Buffer, session: Buffer, done: () => void) => {
      const sessions = this.#sessions;
      if (sessions.size >= MAX_SESSIONS) sessions.delete(sessions.keys().next().value!);
      sessions.set(id.toString('latin1'), session);
      done();
    });
    // OpenSSL looks at a session's age, and whether it began in a context of the same name, before it goes on with it.
    server.on('resumeSession', (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) => {
      done(null, this.#sessions.get(id.toString('latin1')) ?? null);
    });
  }
}
