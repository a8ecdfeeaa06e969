/**
 * Session tickets that are renewed. Node's own callback for ticket keys lets a session be resumed without a further ticket, and with
 * TLS 1.3 OpenSSL's clients use each one once (RFC 8446 §C.4): a client that keeps one would begin anew every second time. There is an older
 * callback beside it, undocumented, that says what is to be done; where this Node lacks it, tickets are not renewed.
 */
import type { SecureContext } from 'node:tls';
import { nodeModule } from '../runtime/node-module.ts';

const PART = 16;
/** Bytes of random numbers that are asked for at once. */
const POOL = 4096;
const UNKNOWN_KEY = 0;
const USE = 1;
const USE_AND_RENEW = 2;

/** [what to do, HMAC key, AES key, key name, initialisation vector]; the last two for new tickets only. An exception here would end the process. */
type Decision = readonly [number, Buffer, Buffer, Buffer?, Buffer?];

interface NativeContext {
  onticketkeycallback?: (name: Buffer, iv: Buffer, isNew: boolean) => Decision;
  enableTicketKeyCallback?(): void;
}

/** @param key as Node's `ticketKeys`: name, HMAC and AES key, 16 bytes each */
export function renewTickets(context: SecureContext, key: Buffer): void {
  const native = (context as unknown as { context?: NativeContext }).context;
  if (typeof native?.enableTicketKeyCallback !== 'function') return;
  const { randomFillSync } = nodeModule<typeof import('node:crypto')>('node:crypto');
  const name = key.subarray(0, PART);
  const hmac = key.subarray(PART, 2 * PART);
  const aes = key.subarray(2 * PART, 3 * PART);
  const ours: Decision = [USE_AND_RENEW, hmac, aes];
  const foreign: Decision = [UNKNOWN_KEY, hmac, aes];
  const pool = Buffer.alloc(POOL);
  let used = POOL;
  native.onticketkeycallback = (asked, _iv, isNew) => {
    if (!isNew) return asked.equals(name) ? ours : foreign;
    if (used === POOL) {
      randomFillSync(pool);
      used = 0;
    }
    used += PART;
    return [USE, hmac, aes, name, pool.subarray(used - PART, used)];
  };
  native.enableTicketKeyCallback();
}
