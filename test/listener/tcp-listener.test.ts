import { afterEach, describe, expect, test } from 'vitest';
import { createEcho } from '../../src/filters/network/echo/filter.ts';
import { chain, eventually, ListenerRig, listener, type RigOptions } from '../support/listener-rig.ts';

let rig: ListenerRig;

function start(options: RigOptions = {}): ListenerRig {
  rig = new ListenerRig(options);
  rig.networkFilters['echo'] = createEcho;
  return rig;
}

afterEach(() => rig.stop());

describe('tcp listener', () => {
  test('accepts, runs the filter chain and counts', async () => {
    start();
    await rig.manager.addOrUpdate('l', listener({ accessLogs: ['log'] }));
    const client = rig.connect('l').send('hello');
    expect(await client.untilText('hello')).toBe('hello');
    expect(rig.stats.nonZero()).toMatchObject({
      'listener.l.downstream_cx_total': 1,
      'listener.l.downstream_cx_active': 1,
      'listener.l.worker_0.downstream_cx_total': 1,
      'listener.l.worker_0.downstream_cx_active': 1,
    });
    client.socket.end();
    await client.untilEnd();
    await eventually(() => rig.log.length > 0);
    expect(rig.stats.value('listener.l.downstream_cx_active')).toBe(0);
    expect(rig.stats.value('listener.l.downstream_cx_destroy')).toBe(1);
    expect(rig.stats.recorded.get('listener.l.downstream_cx_length_ms')).toHaveLength(1);
    expect(rig.log[0]).toMatchObject({
      type: 'NotSet',
      logger: 'log',
      info: { flags: 0, connection: { filterChainName: 'c', listenerName: 'l' } },
    });
  });

  test('the log of a connection of HTTP says so, and how much went over it', async () => {
    start();
    rig.networkFilters['noting'] = () => ({
      newFilter: (callbacks) => {
        callbacks.noteProtocol?.('HTTP/1.1');
        return createEcho().newFilter(callbacks);
      },
    });
    await rig.manager.addOrUpdate('l', listener({ accessLogs: ['log'], filterChains: [chain('c', ['noting'])] }));
    const client = rig.connect('l').send('hello');
    await client.untilText('hello');
    client.socket.end();
    await eventually(() => rig.log.length > 0);
    expect(rig.log[0]!.info).toMatchObject({ protocol: 'HTTP/1.1', bytesReceived: 5, bytesSent: 5 });
  });

  test('without a matching chain nothing is sent, and the log says NR', async () => {
    start();
    await rig.manager.addOrUpdate(
      'l',
      listener({ accessLogs: ['log'], filterChains: [chain('c', ['echo'], { transportProtocol: 'tls' })] }),
    );
    const client = rig.connect('l');
    expect(await client.untilEnd()).toBe('');
    expect(rig.stats.nonZero()).toEqual({ 'listener.l.no_filter_chain_match': 1, 'listener_manager.listener_create_success': 1 });
    expect(rig.log[0]!.info.responseCodeDetails).toBe('filter_chain_not_found');
  });

  test('a connection over the runtime limit is closed and counted; a place that is free again is given out', async () => {
    start({ runtime: { 'envoy.resource_limits.listener.l.connection_limit': '1' } });
    await rig.manager.addOrUpdate('l', listener());
    const first = rig.connect('l').send('x');
    await first.untilText('x');
    await rig.connect('l').untilEnd();
    expect(rig.stats.value('listener.l.downstream_cx_overflow')).toBe(1);
    first.socket.destroy();
    await eventually(() => rig.stats.value('listener.l.downstream_cx_active') === 0);
    expect(await rig.connect('l').send('y').untilText('y')).toBe('y');
  });
});
