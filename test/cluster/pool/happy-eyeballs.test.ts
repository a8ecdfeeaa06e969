import { describe, expect, test } from 'vitest';
import { inEyeballsOrder } from '../../../src/cluster/pool/happy-eyeballs.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { parseIpPort } from '../../../src/net/address.ts';
import { ClusterRig, endpoint, OK } from '../../support/cluster-rig.ts';

const order = (texts: readonly string[], firstFamily: 0 | 4 | 6 = 0, firstCount = 1) =>
  inEyeballsOrder(
    texts.map((text) => parseIpPort(text)!),
    { firstFamily, firstCount },
  ).map(({ ip }) => ip);

describe('the order of addresses', () => {
  const mixed = ['[::1]:1', '[::2]:1', '[::3]:1', '1.1.1.1:1', '2.2.2.2:1'];
  test('families take turns, beginning with that of the first address', () => {
    expect(order(mixed)).toEqual(['::1', '1.1.1.1', '::2', '2.2.2.2', '::3']);
    expect(order([...mixed].reverse())).toEqual(['2.2.2.2', '::3', '1.1.1.1', '::2', '::1']);
    expect(order(['1.1.1.1:1', '2.2.2.2:1'])).toEqual(['1.1.1.1', '2.2.2.2']);
  });
  test('or as configured', () => {
    expect(order(mixed, 4)).toEqual(['1.1.1.1', '::1', '2.2.2.2', '::2', '::3']);
    expect(order(mixed, 6, 2)).toEqual(['::1', '::2', '1.1.1.1', '::3', '2.2.2.2']);
  });
});

describe('a host with several addresses', () => {
  const rigOf = () => new ClusterRig({}, [{ ...endpoint('10.0.0.1'), additional: ['[::1]:81', '10.0.0.3:82'] }]);
  const targets = (rig: ClusterRig) => rig.upstreams.map(({ target }) => target.text);

  test('the first that answers is used, and the others are given up', () => {
    const rig = rigOf();
    const client = rig.request();
    expect(targets(rig)).toEqual(['10.0.0.1:80']);
    rig.clock.advance(299);
    expect(rig.upstreams).toHaveLength(1);
    rig.clock.advance(12);
    expect(targets(rig)).toEqual(['10.0.0.1:80', '[::1]:81']);
    rig.upstreams[1]!.connected();
    expect(client.events).toEqual(['ready']);
    expect(rig.upstreams[0]!.aborted).toBe(true);
    rig.clock.advance(1000);
    expect(rig.upstreams).toHaveLength(2);
    rig.upstreams[1]!.sends(OK);
    expect([rig.stat('upstream_cx_total'), rig.stat('upstream_cx_connect_fail')]).toEqual([2, 0]);
  });

  test('after a failure the next one follows at once; when all have failed, so has the connection', () => {
    const rig = rigOf();
    const client = rig.request();
    for (const [i, text] of ['a', 'b', 'c'].entries()) rig.upstreams[i]!.failed(ResetReason.RemoteConnectionFailure, text);
    expect(targets(rig)).toEqual(['10.0.0.1:80', '[::1]:81', '10.0.0.3:82']);
    expect(client.events).toEqual(['failed: remote connection failure|c']);
    expect(rig.stat('upstream_cx_connect_fail')).toBe(1);
  });

  test('the connect timeout ends all attempts', () => {
    const rig = rigOf();
    const client = rig.request();
    rig.clock.advance(5100);
    expect(rig.upstreams.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect(client.events).toEqual(['failed: connection timeout']);
  });
});
