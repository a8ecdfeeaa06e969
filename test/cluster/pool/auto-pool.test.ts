/** Connections whose protocol is known only after their handshakes, and the requests that wait for them. */
import { expect, test } from 'vitest';
import { DEFAULT_UPSTREAM_HTTP } from '../../../src/cluster/settings.ts';
import { DEFAULT_HTTP2_SETTINGS } from '../../../src/http/h2/settings.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { describeFrame, fields, frame, parseFrames } from '../../http/h2/frames.ts';
import { ClusterRig, type FakeUpstream, OK, RecordingClient } from '../../support/cluster-rig.ts';

function rigOf(maxConcurrentStreams = 100): ClusterRig {
  const http2 = { ...DEFAULT_HTTP2_SETTINGS, maxConcurrentStreams };
  return new ClusterRig({ http: { ...DEFAULT_UPSTREAM_HTTP, http2, auto: true } });
}

function requests(upstream: FakeUpstream): string[] {
  return parseFrames(Buffer.from(upstream.received(), 'latin1'))
    .map(describeFrame)
    .filter((text) => text.startsWith('HEADERS'));
}

const answer = (id: number) => Buffer.concat([frame(4, 0, 0), frame(1, 5, id, fields([':status', '200']))]).latin1Slice();

function totals(rig: ClusterRig): number[] {
  return ['cx_total', 'cx_http1_total', 'cx_http2_total', 'cx_active', 'rq_pending_active', 'rq_pending_total', 'rq_active'].map((name) =>
    rig.stat(`upstream_${name}`),
  );
}

test('as long as nothing is known each request asks for a connection; the first that speaks HTTP/2 carries all', () => {
  const rig = rigOf();
  const clients = [rig.request(), rig.request(), rig.request()];
  expect(rig.upstreams).toHaveLength(3);
  rig.upstreams[1]!.connected('h2');
  expect(requests(rig.upstreams[1]!)).toEqual(['HEADERS 1 end', 'HEADERS 3 end', 'HEADERS 5 end']);
  expect(totals(rig)).toEqual([4, 0, 1, 3, 0, 3, 3]);
  // The others are of no use now, but they are there.
  rig.upstreams[0]!.connected('h2');
  rig.upstreams[2]!.failed(ResetReason.RemoteConnectionFailure);
  expect(totals(rig)).toEqual([5, 0, 2, 2, 0, 3, 3]);
  rig.upstreams[1]!.sends(answer(3));
  expect(clients.map(({ events }) => events)).toEqual([['ready'], ['ready', '200 end'], ['ready']]);
  rig.request();
  expect(rig.upstreams).toHaveLength(3);
});

test.each(['http/1.1', ''])('ALPN %j: HTTP/1.1', (alpn) => {
  const rig = rigOf();
  const clients = [rig.request(), rig.request()];
  for (const upstream of rig.upstreams) upstream.connected(alpn);
  for (const upstream of rig.upstreams) {
    expect(upstream.received()).toMatch(/^GET \/ HTTP\/1.1\r\n/);
    upstream.sends(OK);
  }
  expect(clients.map(({ events }) => events.at(-1))).toEqual(['end', 'end']);
  expect(totals(rig)).toEqual([4, 2, 0, 2, 0, 2, 0]);
});

test('a server that has given up HTTP/2 is spoken to in HTTP/1.1 from the next connection on', () => {
  const rig = rigOf(1);
  rig.request();
  rig.upstreams[0]!.connected('h2');
  const waiting = [rig.request(), rig.request()];
  expect(rig.upstreams).toHaveLength(3);
  rig.upstreams[1]!.connected('http/1.1');
  expect(rig.upstreams[1]!.received()).toMatch(/^GET/);
  // The second of them waits with the first's protocol now: with a connection of its own, since it cannot know of the third.
  expect(waiting.map(({ events }) => events)).toEqual([['ready'], []]);
  rig.upstreams[2]!.connected('http/1.1');
  expect(waiting.map(({ events }) => events)).toEqual([['ready'], ['ready']]);
  expect(rig.stat('upstream_rq_pending_active')).toBe(0);
});

test('one that waits can be taken back after its pool has changed', () => {
  const rig = rigOf(1);
  const first = new RecordingClient();
  const second = new RecordingClient();
  const host = rig.cluster.chooseHost(rig.context)!;
  rig.request(first, host);
  rig.request(second, host);
  rig.upstreams[0]!.connected('h2');
  expect([first.events, second.events]).toEqual([['ready'], []]);
  rig.cluster.httpPool(host, 0, rig.context)!.cancel(second);
  expect([rig.stat('upstream_rq_pending_active'), rig.stat('upstream_rq_cancelled')]).toEqual([0, 1]);
  rig.upstreams[1]!.connected('h2');
  expect(second.events).toEqual([]);
});

test('it is gone when both kinds are, and made anew', async () => {
  const rig = rigOf();
  const host = rig.cluster.chooseHost(rig.context)!;
  const pool = () => rig.cluster.httpPool(host, 0, rig.context);
  rig.request(new RecordingClient(), host);
  const before = pool();
  rig.upstreams[0]!.connected('h2');
  rig.upstreams[0]!.sends(answer(1));
  expect(pool()).toBe(before);
  await rig.upstreams[0]!.gone();
  expect(pool()).not.toBe(before);
  expect(totals(rig)).toEqual([2, 0, 1, 0, 0, 1, 0]);
});

test('a failed connect fails who waits', () => {
  const rig = rigOf();
  const client = rig.request();
  rig.upstreams[0]!.failed(ResetReason.RemoteConnectionFailure, 'why');
  expect(client.events).toEqual(['failed: remote connection failure|why']);
  expect(totals(rig)).toEqual([1, 0, 0, 0, 0, 1, 0]);
});
