/** `outrider wait`: for start-up scripts that must not run before the proxy is ready. */
import { request } from 'node:http';
import { RealClock } from '../runtime/real-clock.ts';
import { sleep } from '../runtime/sleep.ts';

const POLL_MS = 50;

/** @returns 0 once /ready says LIVE, 1 when the time is over */
export async function wait(flags: { readonly timeoutSeconds: number; readonly admin: string }): Promise<number> {
  const clock = new RealClock();
  const deadline = clock.nowMs() + flags.timeoutSeconds * 1000;
  let last = 'no answer';
  for (;;) {
    try {
      const answer = await ready(flags.admin);
      if (answer.status === 200) return 0;
      last = answer.body.trim();
    } catch (error) {
      last = (error as Error).message;
    }
    if (clock.nowMs() + POLL_MS > deadline) {
      process.stderr.write(`outrider: ${flags.admin} is not ready after ${flags.timeoutSeconds} s: ${last}\n`);
      return 1;
    }
    await sleep(POLL_MS);
  }
}

function ready(admin: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(`http://${admin}/ready`, { timeout: 1000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        body += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on('timeout', () => call.destroy(new Error('no answer within 1 s')));
    call.on('error', reject);
    call.end();
  });
}
