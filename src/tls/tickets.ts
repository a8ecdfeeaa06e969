/**
 * Session tickets by an older, undocumented callback of Node's. The documented option `ticketKeys` takes one key, and lets a session be resumed
 * without a further ticket; with TLS 1.3 OpenSSL's clients use each ticket once (RFC 8446 §C.4): a client that keeps one would begin anew every
 * second time. The callback knows any number of keys, and says what is to be done; where this Node lacks it there is the first key, and no renewal.
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

/** @param base64 of 80 bytes as Envoy has them: name 16, HMAC 32, AES 32 @returns 48 as Node has them (16, 16, 16): the leading bytes of each part */
export function nodeTicketKey(base64: string): Buffer {
  const key = Buffer.from(base64, 'base64');
  return Buffer.concat([key.subarray(0, 16), key.subarray(16, 32), key.subarray(48, 64)]);
}

/**
 * @param keys each as Node's `ticketKeys`: name, HMAC and AES key, 16 bytes each; the first one encrypts, all of them decrypt
 * @param renew a session that is resumed gets a new ticket, which lives as long as one of a new session
 */
export function handleTickets(context: SecureContext, keys: readonly Buffer[], renew: boolean): void {
  const native = (context as unknown as { context?: NativeContext }).context;
  if (typeof native?.enableTicketKeyCallback !== 'function') return;
  const { randomFillSync } = nodeModule<typeof import('node:crypto')>('node:crypto');
  const [first] = keys;
  const name = first!.subarray(0, PART);
  const known = keys.map((key): { readonly name: Buffer; readonly decision: Decision } => {
    const decision: Decision = [renew ? USE_AND_RENEW : USE, key.subarray(PART, 2 * PART), key.subarray(2 * PART, 3 * PART)];
    return { name: key.subarray(0, PART), decision };
  });
  const [, hmac, aes] = known[0]!.decision;
  const foreign: Decision = [UNKNOWN_KEY, hmac, aes];
  const pool = Buffer.alloc(POOL);
  let used = POOL;
  native.onticketkeycallback = (asked, _iv, isNew) => {
    if (!isNew) {
      for (let i = 0; i < known.length; i++) if (asked.equals(known[i]!.name)) return known[i]!.decision;
      return foreign;
    }
    if (used === POOL) {
      randomFillSync(pool);
      used = 0;
    }
    used += PART;
    return [USE, hmac, aes, name, pool.subarray(used - PART, used)];
  };
  native.enableTicketKeyCallback();
}
