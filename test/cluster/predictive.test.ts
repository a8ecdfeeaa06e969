import { describe, expect, test } from 'vitest';
import { DEFAULT_BALANCER } from '../../src/cluster/settings.ts';
import { makeHostSet } from '../../src/lb/host-set.ts';
import { LeastRequestBalancer } from '../../src/lb/least-request.ts';
import { RandomBalancer } from '../../src/lb/random.ts';
import { RoundRobinBalancer } from '../../src/lb/round-robin.ts';
import { ClusterRig, endpoint } from '../support/cluster-rig.ts';
import { ANY, balancerDeps, host } from '../support/lb-rig.ts';

const HOSTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((ip) => endpoint(ip));

describe('connections to the hosts that come next', () => {
  const targets = (rig: ClusterRig) => rig.upstreams.map(({ target }) => target.ip);

  test('are opened with the first request, to as many hosts as the ratio says', () => {
    const rig = new ClusterRig({ predictivePreconnectRatio: 2 }, HOSTS);
    rig.request();
    // Two ahead of it, then its own.
    expect(new Set(targets(rig)).size).toBe(3);
    for (const upstream of rig.upstreams.slice()) upstream.connected();
    // The next ones wait for no connection.
    expect([rig.request().events, rig.request().events]).toEqual([['ready'], ['ready']]);
    expect(rig.stat('upstream_rq_pending_total')).toBe(1);
  });

  test('the one that the request itself would open is among them, and least request cannot tell who is next', () => {
    const one = new ClusterRig({ predictivePreconnectRatio: 3 }, HOSTS.slice(0, 1));
    one.request();
    expect(one.upstreams).toHaveLength(1);
    const least = new ClusterRig({ predictivePreconnectRatio: 3, balancer: { ...DEFAULT_BALANCER, policy: 'LEAST_REQUEST' } }, HOSTS);
    least.request();
    expect(least.upstreams).toHaveLength(1);
  });
});

describe('hosts that are told before they are picked', () => {
  const hosts = () => [host(), host(), host(), host()];
  test.each([
    ['round robin', new RoundRobinBalancer(balancerDeps())],
    ['random', new RandomBalancer(balancerDeps())],
  ])('%s: are the next ones, no more than are healthy, until the hosts change', (_name, balancer) => {
    const list = hosts();
    balancer.update([makeHostSet(0, list, 140)]);
    const told = list.map(() => balancer.peekHost(ANY));
    expect(told).not.toContain(null);
    expect(balancer.peekHost(ANY)).toBeNull();
    expect([balancer.chooseHost(ANY), balancer.chooseHost(ANY)]).toEqual(told.slice(0, 2));
    expect(balancer.peekHost(ANY)).not.toBeNull();
    const others = hosts();
    balancer.update([makeHostSet(0, others, 140)]);
    expect(others).toContain(balancer.chooseHost(ANY));
  });

  test('least request tells none', () => {
    const settings = { choiceCount: 2, activeRequestBias: 1, activeRequestBiasKey: '', fullScan: false };
    const balancer = new LeastRequestBalancer(balancerDeps(), settings);
    balancer.update([makeHostSet(0, hosts(), 140)]);
    expect(balancer.peekHost(ANY)).toBeNull();
  });
});
