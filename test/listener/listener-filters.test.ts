import { afterEach, describe, expect, test } from 'vitest';
import { createHttpInspector } from '../../src/filters/listener/http-inspector/filter.ts';
import { createOriginalDst } from '../../src/filters/listener/original-dst/filter.ts';
import type { ProxyProtocolSettings } from '../../src/filters/listener/proxy-protocol/config.ts';
import { createProxyProtocol } from '../../src/filters/listener/proxy-protocol/filter.ts';
import { createTlsInspector } from '../../src/filters/listener/tls-inspector/filter.ts';
import { createDirectResponse } from '../../src/filters/network/direct-response/filter.ts';
import { createEcho } from '../../src/filters/network/echo/filter.ts';
import type { FilterDisabledSettings, ListenerFilterSettings, ListenerSettings } from '../../src/listener/settings.ts';
import { parseIpPort } from '../../src/net/address.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { chain, eventually, ListenerRig, listener, type RigOptions } from '../support/listener-rig.ts';

let rig: ListenerRig;
afterEach(() => rig.stop());

function start(options: RigOptions = {}): void {
  rig = new ListenerRig(options);
  rig.networkFilters['echo'] = createEcho;
  rig.networkFilters['say'] = (settings) => createDirectResponse({ response: settings as string });
  rig.listenerFilters['original_dst'] = createOriginalDst;
  rig.listenerFilters['http_inspector'] = (_settings, deps) => createHttpInspector({}, deps);
  rig.listenerFilters['tls_inspector'] = (_settings, deps) =>
    createTlsInspector({ maxClientHelloSize: 16_384, closeOnParseError: false, ja3: false, ja4: false }, deps);
  rig.listenerFilters['proxy_protocol'] = (settings, deps) => createProxyProtocol(settings as ProxyProtocolSettings, deps);
}

const PROXY_PROTOCOL: ProxyProtocolSettings = {
  statPrefix: '',
  allowWithoutHeader: false,
  disallowV1: false,
  disallowV2: false,
  passed: [],
  rules: [],
};

function filter(type: string, disabled: FilterDisabledSettings | null = null): ListenerFilterSettings {
  return { name: type, type, settings: type === 'proxy_protocol' ? PROXY_PROTOCOL : {}, disabled };
}

/** A listener that answers every connection with its name. */
function saying(name: string, port: number, changes: Partial<ListenerSettings> = {}): ListenerSettings {
  return listener({
    name,
    statPrefix: name,
    addresses: [{ kind: 'ip', ip: '10.1.1.1', port, ipv4Compat: false }],
    bindToPort: false,
    filterChains: [chain('c', [['say', name]])],
    ...changes,
  });
}

describe('listener filters', () => {
  test('what was looked at reaches the filter chain', async () => {
    start();
    const chains = [chain('http', ['echo'], { applicationProtocols: ['http/1.1'] })];
    await rig.manager.addOrUpdate('l', listener({ listenerFilters: [filter('http_inspector')], filterChains: chains }));
    const client = rig.connect('l').send('GET / HT');
    await eventually(() => rig.stats.value('listener.l.downstream_pre_cx_active') === 1);
    client.send('TP/1.1\r\nhost: a\r\n');
    expect(await client.untilText('host: a\r\n')).toBe('GET / HTTP/1.1\r\nhost: a\r\n');
    client.send('more');
    expect(await client.untilText('more')).toBe('GET / HTTP/1.1\r\nhost: a\r\nmore');
    expect(rig.stats.value('listener.l.downstream_pre_cx_active')).toBe(0);
  });

  test('several filters see the same bytes, less what one consumed', async () => {
    start();
    const chains = [
      chain('c', ['echo'], { applicationProtocols: ['http/1.1'], transportProtocol: 'raw_buffer', sourcePrefixRanges: ['1.2.3.4/32'] }),
    ];
    const filters = [filter('proxy_protocol'), filter('tls_inspector'), filter('http_inspector')];
    await rig.manager.addOrUpdate('l', listener({ listenerFilters: filters, filterChains: chains, accessLogs: ['log'] }));
    const client = rig.connect('l').send('PROXY TCP4 1.2.3.4 5.6.7.8 1234 80\r\nGET / HTTP/1.1\r\n');
    expect(await client.untilText('\r\n')).toBe('GET / HTTP/1.1\r\n');
    client.socket.end();
    await eventually(() => rig.log.length > 0);
    const { connection } = rig.log[0]!.info;
    expect(connection.remoteAddress.text).toBe('1.2.3.4:1234');
    expect(connection.localAddress.text).toBe('5.6.7.8:80');
    expect(connection.directRemoteAddress.ip).toBe('127.0.0.1');
    expect(connection.localAddressRestored).toBe(true);
    expect(rig.log[0]!.info.remoteAddress.text).toBe('1.2.3.4:1234');
  });

  test.each([
    [false, '', 1],
    [true, 'banner', 1],
  ])('listener_filters_timeout with a silent client, continue: %s', async (continues, heard, timeouts) => {
    const clock = new SimulatedClock();
    start({ clock });
    const changes = {
      listenerFilters: [filter('http_inspector')],
      filterChains: [chain('c', [['say', 'banner']])],
      continueOnListenerFiltersTimeout: continues,
    };
    await rig.manager.addOrUpdate('l', listener(changes));
    const client = rig.connect('l');
    await eventually(() => rig.stats.value('listener.l.downstream_pre_cx_active') === 1);
    clock.advance(14_000);
    expect(client.closed).toBe(false);
    clock.advance(1_100);
    expect(await client.untilEnd()).toBe(heard);
    expect(rig.stats.value('listener.l.downstream_pre_cx_timeout')).toBe(timeouts);
    expect(rig.stats.value('listener.l.downstream_pre_cx_active')).toBe(0);
  });

  test('a client that leaves while a filter waits is counted, and gives its place back', async () => {
    start({ globalLimit: 1 });
    await rig.manager.addOrUpdate('l', listener({ listenerFilters: [filter('http_inspector')] }));
    const client = rig.connect('l').send('GE');
    await eventually(() => rig.stats.value('listener.l.downstream_pre_cx_active') === 1);
    client.socket.end();
    await eventually(() => rig.stats.value('listener.l.downstream_listener_filter_remote_close') === 1);
    await eventually(() => rig.stats.value('listener.l.downstream_pre_cx_active') === 0);
    const next = rig.connect('l').send('GET / HTTP/1.1\r\n');
    await next.untilText('\r\n');
    await rig.connect('l').untilEnd();
    expect(rig.stats.value('listener.l.downstream_global_cx_overflow')).toBe(1);
  });

  test('filter_disabled by destination port', async () => {
    start();
    await rig.manager.addOrUpdate(
      'l',
      listener({ listenerFilters: [filter('http_inspector', { kind: 'not', of: { kind: 'port', start: 1, end: 2 } })] }),
    );
    expect(await rig.connect('l').send('x').untilText('x')).toBe('x');
  });
});

describe('hand-off by original destination', () => {
  async function redirected(to: string | null, changes: Partial<ListenerSettings> = {}): Promise<string> {
    start({ originalDestination: () => (to === null ? null : parseIpPort(to)) });
    const capture = { useOriginalDst: true, listenerFilters: [filter('original_dst')], filterChains: [chain('c', [['say', 'capture']])] };
    await rig.manager.addOrUpdate('capture', listener({ name: 'capture', statPrefix: 'capture', ...capture, ...changes }));
    await rig.manager.addOrUpdate('exact', saying('exact', 80));
    await rig.manager.addOrUpdate(
      'any80',
      saying('any80', 80, { addresses: [{ kind: 'ip', ip: '0.0.0.0', port: 80, ipv4Compat: false }] }),
    );
    await rig.manager.addOrUpdate('any6', saying('any6', 81, { addresses: [{ kind: 'ip', ip: '::', port: 81, ipv4Compat: false }] }));
    await rig.manager.addOrUpdate('both', saying('both', 82, { addresses: [{ kind: 'ip', ip: '::', port: 82, ipv4Compat: true }] }));
    return rig.connect('capture').untilEnd();
  }

  test.each([
    ['10.1.1.1:80', 'exact'],
    ['10.1.1.2:80', 'any80'],
    ['10.1.1.2:99', 'capture'],
    ['10.1.1.2:81', 'capture'],
    ['[2001:db8::1]:81', 'any6'],
    ['[2001:db8::1]:80', 'capture'],
    ['10.1.1.2:82', 'both'],
    ['[2001:db8::1]:82', 'both'],
    [null, 'capture'],
  ])('%s goes to %s', async (destination, name) => {
    expect(await redirected(destination)).toBe(name);
    // Only the listener that has the connection in the end counts it.
    await eventually(() => rig.stats.value(`listener.${name}.downstream_cx_destroy`) === 1);
    expect(rig.stats.value(`listener.${name}.downstream_cx_total`)).toBe(1);
    if (name !== 'capture') expect(rig.stats.value('listener.capture.downstream_cx_total')).toBe(0);
    expect(rig.stats.value('listener.capture.downstream_pre_cx_active')).toBe(0);
  });

  test('not without use_original_dst', async () => {
    expect(await redirected('10.1.1.1:80', { useOriginalDst: false })).toBe('capture');
  });

  test('the destination of a PROXY protocol header counts too', async () => {
    start();
    await rig.manager.addOrUpdate(
      'capture',
      listener({ name: 'capture', useOriginalDst: true, listenerFilters: [filter('proxy_protocol')] }),
    );
    await rig.manager.addOrUpdate('exact', saying('exact', 80));
    expect(await rig.connect('capture').send('PROXY TCP4 1.2.3.4 10.1.1.1 1234 80\r\n').untilEnd()).toBe('exact');
  });

  test('the filters of the target run, on the same bytes; there is no second hop', async () => {
    start({ originalDestination: (local) => parseIpPort(local.ip === '127.0.0.1' ? '10.1.1.1:80' : '10.1.1.2:81') });
    await rig.manager.addOrUpdate(
      'capture',
      listener({ name: 'capture', useOriginalDst: true, listenerFilters: [filter('original_dst')] }),
    );
    await rig.manager.addOrUpdate(
      'exact',
      saying('exact', 80, {
        useOriginalDst: true,
        listenerFilters: [filter('http_inspector'), filter('original_dst')],
        filterChains: [chain('c', ['echo'], { applicationProtocols: ['http/1.1'] })],
      }),
    );
    const client = rig.connect('capture').send('GET / HTTP/1.1\r\n');
    expect(await client.untilText('\r\n')).toBe('GET / HTTP/1.1\r\n');
    expect(rig.stats.value('listener.exact.downstream_cx_active')).toBe(1);
  });

  test('a listener that has been removed is no target', async () => {
    start({ originalDestination: () => parseIpPort('10.1.1.1:80') });
    const capture = { useOriginalDst: true, listenerFilters: [filter('original_dst')], filterChains: [chain('c', [['say', 'capture']])] };
    await rig.manager.addOrUpdate('capture', listener(capture));
    await rig.manager.addOrUpdate('exact', saying('exact', 80));
    expect(await rig.connect('capture').untilEnd()).toBe('exact');
    await rig.manager.remove('exact');
    expect(await rig.connect('capture').untilEnd()).toBe('capture');
  });
});
