import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { NetworkFilterCallbacks } from '../../src/filters/api.ts';
import { Status } from '../../src/filters/api.ts';
import { createEcho } from '../../src/filters/network/echo/filter.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { chain, eventually, ListenerRig, listener, type RigOptions } from '../support/listener-rig.ts';

let rig: ListenerRig;
afterEach(() => rig.stop());

/** Callbacks of the connections that the filter "watch" has seen. */
let watched: NetworkFilterCallbacks[];
let drained: number;

function start(options: RigOptions = {}): void {
  rig = new ListenerRig(options);
  watched = [];
  drained = 0;
  rig.networkFilters['echo'] = createEcho;
  rig.networkFilters['watch'] = () => ({
    newFilter: (callbacks) => {
      watched.push(callbacks);
      callbacks.onDrain(() => {
        drained++;
      });
      return { onConnection: () => Status.Continue, onData: () => Status.Continue, onClose: () => undefined };
    },
  });
}

describe('updates', () => {
  test('the same settings again touch nothing', async () => {
    start();
    const settings = listener({ filterChains: [chain('c', ['watch', 'echo'])] });
    expect(await rig.manager.addOrUpdate('l', settings)).toBe('added');
    const client = rig.connect('l').send('a');
    await client.untilText('a');
    expect(await rig.manager.addOrUpdate('l', structuredClone(settings))).toBe('unchanged');
    expect(drained).toBe(0);
    expect(watched[0]!.draining).toBe(false);
  });

  test('a change of filter chains: connections stay on theirs, only those of a chain that is gone drain', async () => {
    const clock = new SimulatedClock();
    start({ clock, drainTimeMs: 1000 });
    const kept = chain('kept', ['watch', 'echo'], { sourcePrefixRanges: ['127.0.0.1/32'] });
    const gone = chain('gone', ['watch', 'echo'], { sourcePrefixRanges: ['127.0.0.2/32'] });
    await rig.manager.addOrUpdate('l', listener({ filterChains: [kept, gone] }));
    const a = rig.connect('l').send('a');
    await a.untilText('a');
    const port = rig.port('l');
    const b = rig.connectTo({ host: '127.0.0.1', port, localAddress: '127.0.0.2' } as { host: string; port: number }).send('b');
    await b.untilText('b');
    expect(watched.map((w) => w.info.filterChainName)).toEqual(['kept', 'gone']);

    expect(await rig.manager.addOrUpdate('l', listener({ filterChains: [kept, chain('new', ['echo'])] }))).toBe('filter-chains');
    expect(rig.port('l')).toBe(port);
    expect(watched.map((w) => w.draining)).toEqual([false, true]);
    expect(drained).toBe(1);
    const numbers = () =>
      ['listener_in_place_updated', 'total_filter_chains_draining', 'total_listeners_draining', 'listener_create_success'].map((name) =>
        rig.stats.value('listener_manager.' + name),
      );
    expect(numbers()).toEqual([1, 1, 0, 2]);
    expect(await b.send('still').untilText('still')).toBe('bstill');
    clock.advance(1100);
    await b.untilEnd();
    await eventually(() => numbers()[1] === 0);
    expect(await a.send('alive').untilText('alive')).toBe('aalive');
  });

  test('the filters of a chain that is gone are told so with its last connection, once', async () => {
    const clock = new SimulatedClock();
    start({ clock, drainTimeMs: 1000 });
    const closed: string[] = [];
    rig.networkFilters['told'] = () => ({ ...createEcho(), close: () => void closed.push('told') });
    await rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', ['watch', 'told', 'echo'])] }));
    const client = rig.connect('l').send('a');
    await client.untilText('a');
    await rig.manager.remove('l');
    expect(closed).toEqual([]);
    clock.advance(1100);
    await client.untilEnd();
    await eventually(() => closed.length === 1);
    await rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', ['told', 'echo'])] }));
    await rig.manager.remove('l');
    expect(closed).toEqual(['told', 'told']);
  });

  test('another change replaces the listener on the same socket; no connection is refused meanwhile', async () => {
    const clock = new SimulatedClock();
    start({ clock, drainTimeMs: 1000 });
    await rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', ['watch', 'echo'])] }));
    const port = rig.port('l');
    const before = rig.connect('l').send('a');
    await before.untilText('a');
    expect(await rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', ['watch', 'echo'])], bufferLimit: 5 }))).toBe(
      'replaced',
    );
    expect(rig.port('l')).toBe(port);
    const after = rig.connect('l').send('b');
    await after.untilText('b');
    expect(watched.map((w) => w.draining)).toEqual([true, false]);
    expect(watched[1]!.bufferLimit).toBe(5);
    clock.advance(1100);
    await before.untilEnd();
    expect(after.closed).toBe(false);
  });

  test('an address that is taken: the update fails and everything is as it was', async () => {
    start();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await rig.manager.addOrUpdate('l', listener());
    const taken = listener({ addresses: [{ kind: 'ip', ip: '127.0.0.1', port, ipv4Compat: false }] });
    await expect(rig.manager.addOrUpdate('l', taken)).rejects.toThrow(`cannot bind '127.0.0.1:${port}': Address already in use`);
    expect(await rig.connect('l').send('x').untilText('x')).toBe('x');
    await expect(rig.manager.addOrUpdate('m', taken)).rejects.toThrow('Address already in use');
    expect(rig.manager.status().map((s) => s.key)).toEqual(['l']);
    other.close();
  });

  test('a filter that nobody implements: the update fails and everything is as it was', async () => {
    start();
    await rig.manager.addOrUpdate('l', listener());
    await expect(rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', ['nope'])] }))).rejects.toThrow(
      "no network filter for 'nope'",
    );
    expect(rig.stats.value('listener_manager.listener_create_failure')).toBe(1);
    expect(await rig.connect('l').send('x').untilText('x')).toBe('x');
  });

  test('removed: no new connections, the others drain and end with the drain time', async () => {
    const clock = new SimulatedClock();
    start({ clock, drainTimeMs: 1000 });
    await rig.manager.addOrUpdate('l', listener({ filterChains: [chain('c', ['watch', 'echo'])] }));
    const client = rig.connect('l').send('a');
    await client.untilText('a');
    const port = rig.port('l');
    expect(await rig.manager.remove('l')).toBe(true);
    expect(await rig.manager.remove('l')).toBe(false);
    expect(drained).toBe(1);
    const late = rig.connectTo({ host: '127.0.0.1', port });
    await late.untilEnd();
    expect(late.error).toBe('ECONNREFUSED');
    expect(await client.send('b').untilText('b')).toBe('ab');
    expect(rig.stats.value('listener_manager.total_listeners_draining')).toBe(1);
    clock.advance(1100);
    await client.untilEnd();
    await eventually(() => rig.stats.value('listener_manager.total_listeners_draining') === 0);
  });
});

describe('draining the server', () => {
  test('inbound only', async () => {
    start();
    await rig.manager.addOrUpdate('in', listener({ trafficDirection: 1, filterChains: [chain('c', ['watch', 'echo'])] }));
    await rig.manager.addOrUpdate('out', listener({ trafficDirection: 2, filterChains: [chain('c', ['watch', 'echo'])] }));
    const inbound = rig.connect('in').send('a');
    await inbound.untilText('a');
    const outbound = rig.connect('out').send('b');
    await outbound.untilText('b');
    rig.manager.startDraining(true);
    expect(watched.map((w) => w.draining)).toEqual([true, false]);
    rig.manager.stopListening(true);
    expect(rig.manager.status().map((s) => [s.key, s.connections])).toEqual([
      ['in', 1],
      ['out', 1],
    ]);
    expect(rig.manager.connectionCount).toBe(2);
    expect(await rig.connect('out').send('c').untilText('c')).toBe('c');
  });

  test('drain_type MODIFY_ONLY is not let go by a failed health check', async () => {
    start();
    await rig.manager.addOrUpdate('d', listener({ filterChains: [chain('c', ['watch', 'echo'])] }));
    await rig.manager.addOrUpdate('m', listener({ drainType: 'MODIFY_ONLY', filterChains: [chain('c', ['watch', 'echo'])] }));
    await rig.connect('d').send('a').untilText('a');
    await rig.connect('m').send('a').untilText('a');
    rig.manager.healthCheckFailed = true;
    expect(watched.map((w) => w.draining)).toEqual([true, false]);
  });

  test('gradually: the share of connections that are let go rises over the drain time', async () => {
    const clock = new SimulatedClock();
    start({ clock });
    rig.manager.drainStrategy = 'gradual';
    rig.manager.drainTimeMs = 10_000;
    await rig.manager.addOrUpdate('d', listener({ filterChains: [chain('c', ['watch', 'echo'])] }));
    await rig.connect('d').send('a').untilText('a');
    rig.manager.startDraining(false);
    const share = () => Array.from({ length: 2000 }, () => watched[0]!.draining).filter(Boolean).length / 2000;
    expect(share()).toBe(0);
    clock.advance(2_500);
    expect(share()).toBeCloseTo(0.25, 1);
    clock.advance(5_000);
    expect(share()).toBeCloseTo(0.75, 1);
    clock.advance(2_500);
    expect(share()).toBe(1);
  });
});

describe('addresses', () => {
  test('IPv6, and IPv4 through ipv4_compat', async () => {
    start();
    await rig.manager.addOrUpdate(
      'l',
      listener({ addresses: [{ kind: 'ip', ip: '::', port: 0, ipv4Compat: true }], filterChains: [chain('c', ['watch', 'echo'])] }),
    );
    await rig
      .connectTo({ host: '::1', port: rig.port('l') })
      .send('6')
      .untilText('6');
    await rig.connect('l').send('4').untilText('4');
    expect(watched.map((w) => w.info.remoteAddress.ip)).toEqual(['::1', '127.0.0.1']);
    expect(watched[1]!.info.localAddress.version).toBe(4);
  });

  test('additional addresses', async () => {
    start();
    const addresses = ['127.0.0.1', '127.0.0.2'].map((ip) => ({ kind: 'ip' as const, ip, port: 0, ipv4Compat: false }));
    await rig.manager.addOrUpdate('l', listener({ addresses }));
    const [, second] = rig.manager.status()[0]!.addresses;
    const [host, port] = second!.split(':');
    expect(
      await rig
        .connectTo({ host: host!, port: Number(port) })
        .send('x')
        .untilText('x'),
    ).toBe('x');
  });

  test('a UNIX socket with its mode, in place of one that was left behind', async () => {
    start();
    const folder = mkdtempSync(join(tmpdir(), 'outrider-'));
    const path = join(folder, 's');
    const left = createServer().listen(path);
    await new Promise((resolve) => left.once('listening', resolve));
    await rig.manager.addOrUpdate(
      'l',
      listener({ addresses: [{ kind: 'pipe', path, mode: 0o600 }], filterChains: [chain('c', ['watch', 'echo'])] }),
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await rig.connectTo({ path }).send('x').untilText('x')).toBe('x');
    expect(watched[0]!.info.localAddress.text).toBe(path);
    left.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('an abstract UNIX socket', async () => {
    start();
    const path = `@outrider-test-${process.pid}`;
    await rig.manager.addOrUpdate('l', listener({ addresses: [{ kind: 'pipe', path, mode: 0 }] }));
    expect(
      await rig
        .connectTo({ path: `\0${path.slice(1)}` })
        .send('x')
        .untilText('x'),
    ).toBe('x');
  });

  test('only the first worker opens what cannot be opened twice', async () => {
    start({ workerIndex: 1 });
    await rig.manager.addOrUpdate('l', listener({ reusePort: false }));
    await rig.manager.addOrUpdate('m', listener());
    expect(rig.manager.status().map((s) => s.addresses[0] === '127.0.0.1:0')).toEqual([true, false]);
  });

  test('freebind takes an address that the machine does not have', async () => {
    start();
    const addresses = [{ kind: 'ip' as const, ip: '192.0.2.77', port: 0, ipv4Compat: false }];
    await expect(rig.manager.addOrUpdate('l', listener({ addresses }))).rejects.toThrow('Cannot assign requested address');
    await rig.manager.addOrUpdate('l', listener({ addresses, freebind: true }));
    expect(rig.manager.status()[0]!.addresses[0]).toMatch(/^192\.0\.2\.77:\d+$/);
  });

  test('socket options of every state', async () => {
    start();
    const SOL_SOCKET = 1;
    const SO_RCVBUF = 8;
    const SO_KEEPALIVE = 9;
    const socketOptions = (['prebind', 'bound', 'listening'] as const).map((state, i) => ({
      level: SOL_SOCKET,
      name: i === 0 ? SO_RCVBUF : SO_KEEPALIVE,
      value: i === 0 ? 65_536 : 1,
      state,
    }));
    await rig.manager.addOrUpdate('l', listener({ socketOptions, fastOpenQueueLength: 10 }));
    expect(await rig.connect('l').send('x').untilText('x')).toBe('x');
    const bad = listener({ socketOptions: [{ level: 9999, name: 1, value: 1, state: 'prebind' }] });
    await expect(rig.manager.addOrUpdate('m', bad)).rejects.toThrow('cannot set socket option 9999/1');
  });
});

test('shutdown ends everything', async () => {
  start();
  await rig.manager.addOrUpdate('l', listener());
  const client = rig.connect('l').send('x');
  await client.untilText('x');
  rig.manager.shutdown();
  await client.untilEnd();
  await eventually(() => rig.stats.value('listener.l.downstream_cx_active') === 0);
});
