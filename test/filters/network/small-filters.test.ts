import { afterEach, describe, expect, test } from 'vitest';
import { Status } from '../../../src/filters/api.ts';
import type { ConnectionLimitSettings } from '../../../src/filters/network/connection-limit/config.ts';
import { createConnectionLimit } from '../../../src/filters/network/connection-limit/filter.ts';
import { createDirectResponse } from '../../../src/filters/network/direct-response/filter.ts';
import { createEcho } from '../../../src/filters/network/echo/filter.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { chain, eventually, ListenerRig, listener, type RigOptions } from '../../support/listener-rig.ts';

let rig: ListenerRig;
afterEach(() => rig.stop());

async function start(filters: readonly (string | [string, unknown])[], options: RigOptions = {}): Promise<void> {
  rig = new ListenerRig(options);
  rig.networkFilters['echo'] = createEcho;
  rig.networkFilters['say'] = (settings) => createDirectResponse({ response: settings as string });
  rig.networkFilters['limit'] = (settings, deps) => createConnectionLimit(settings as ConnectionLimitSettings, deps);
  await rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', filters)] }));
}

const LIMIT: ConnectionLimitSettings = { place: 'x', statPrefix: 'p', maxConnections: 1, delayMs: 0, runtimeKey: '', enabled: true };

test('direct_response sends its bytes and closes', async () => {
  await start([['say', 'go away\xff']]);
  expect(await rig.connect('l').untilEnd()).toBe('go away\xff');
});

test('echo gives everything back, held to the pace of the reader, and ends when the client does', async () => {
  await start(['echo']);
  const client = rig.connect('l');
  const block = 'abcdefgh'.repeat(1 << 17);
  for (let i = 0; i < 8; i++) client.send(block);
  client.socket.end();
  expect((await client.untilEnd()).length).toBe(8 << 20);
});

describe('connection_limit', () => {
  test('one more than allowed is closed, and counted', async () => {
    await start([['limit', LIMIT], 'echo']);
    const first = rig.connect('l').send('a');
    await first.untilText('a');
    expect(await rig.connect('l').untilEnd()).toBe('');
    await eventually(() => rig.stats.value('connection_limit.p.active_connections') === 1);
    expect(rig.stats.value('connection_limit.p.limited_connections')).toBe(1);
    first.socket.end();
    await first.untilEnd();
    await eventually(() => rig.stats.value('connection_limit.p.active_connections') === 0);
    expect(await rig.connect('l').send('b').untilText('b')).toBe('b');
  });

  test('filters behind it hear of the end of what it refuses', async () => {
    const seen: string[] = [];
    rig = new ListenerRig();
    rig.networkFilters['limit'] = (settings, deps) => createConnectionLimit(settings as ConnectionLimitSettings, deps);
    rig.networkFilters['last'] = () => ({
      newFilter: () => ({
        onConnection: () => {
          seen.push('start');
          return Status.Continue;
        },
        onData: () => Status.Stop,
        onClose: () => void seen.push('end'),
      }),
    });
    await rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', [['limit', { ...LIMIT, maxConnections: 0 }], 'last'])] }));
    await rig.connect('l').untilEnd();
    await eventually(() => seen.length > 0);
    expect(seen).toEqual(['end']);
  });

  test('after a delay', async () => {
    const clock = new SimulatedClock();
    await start([['limit', { ...LIMIT, maxConnections: 0, delayMs: 500 }], 'echo'], { clock });
    const client = rig.connect('l').send('x');
    await eventually(() => rig.stats.value('connection_limit.p.limited_connections') === 1);
    clock.advance(400);
    expect(client.closed).toBe(false);
    clock.advance(200);
    expect(await client.untilEnd()).toBe('');
  });

  test('switched off at run time', async () => {
    await start([['limit', { ...LIMIT, maxConnections: 0, runtimeKey: 'limit.on' }], 'echo'], { runtime: { 'limit.on': 'false' } });
    expect(await rig.connect('l').send('x').untilText('x')).toBe('x');
  });
});
