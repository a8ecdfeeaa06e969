/** `/tap`: what passes through all workers, for as long as somebody looks. */
import http from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/poll.ts';
import { ADMIN, ProxyProcess } from '../support/proxy.ts';

const HCM = `{"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: front, route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: answer}}}]}]}, http_filters: [{name: tap, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.tap.v3.Tap, common_config: {admin_config: {config_id: mine}}}}, {name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}`;
const BOOTSTRAP = `${ADMIN}static_resources:\n  listeners: [{name: front, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: hcm, typed_config: ${HCM}}]}]}]\n`;

let proxy: ProxyProcess;
let viewers: http.ClientRequest[] = [];

beforeAll(async () => {
  proxy = await ProxyProcess.start(BOOTSTRAP, { args: ['--concurrency', '2', '-l', 'error'] });
});

afterEach(() => {
  for (const viewer of viewers) viewer.destroy();
  viewers = [];
});

afterAll(() => proxy.stop());

interface View {
  readonly status: number;
  text: string;
  ended: boolean;
}

function look(body: string): Promise<View> {
  return new Promise((resolve, reject) => {
    const viewer = http.request({ port: proxy.adminAddress.split(':')[1], method: 'POST', path: '/tap', agent: false }, (response) => {
      const view: View = { status: response.statusCode!, text: '', ended: false };
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        view.text += chunk;
      });
      response.on('end', () => {
        view.ended = true;
      });
      response.on('error', () => undefined);
      resolve(view);
    });
    viewer.on('error', reject);
    viewer.end(body);
    viewers.push(viewer);
  });
}

/** Once the viewer before has gone. */
function lookAlone(body: string): Promise<View> {
  return until('nobody looks', async () => {
    const view = await look(body);
    await new Promise((resolve) => setImmediate(resolve));
    return view.text.includes('already exists') || (view.status !== 200 && view.text === '') ? undefined : view;
  });
}

async function request(path: string): Promise<void> {
  const port = await proxy.port('front');
  await new Promise<void>((resolve, reject) => {
    const call = http.get({ port, path, agent: false }, (response) => response.resume().on('end', resolve));
    call.on('error', reject);
  });
}

const paths = (view: View): string[] => [...view.text.matchAll(/"key": ":path",\s+"value": "([^"]+)"/g)].map((found) => found[1]!);
const ASK = (match: string, sink = 'streaming_admin: {}') =>
  `config_id: mine\ntap_config:\n  match: {${match}}\n  output_config: {sinks: [{format: JSON_BODY_AS_STRING, ${sink}}]}\n`;

describe('/tap', () => {
  test('shows what passes, whichever worker it passes through', async () => {
    const view = await lookAlone(ASK('http_request_headers_match: {headers: [{name: ":path", string_match: {prefix: /seen}}]}'));
    expect(view.status).toBe(200);
    for (let i = 0; i < 8; i++) {
      await request(`/seen${i}`);
      await request('/unseen');
    }
    await until('eight traces', async () => paths(view).length === 8 || undefined);
    expect(paths(view).sort()).toEqual(Array.from({ length: 8 }, (_, i) => `/seen${i}`));
    expect(view.text).toContain('"as_string": "answer"');
  });

  test('ends by itself after so many traces', async () => {
    const view = await lookAlone(ASK('any_match: true', 'buffered_admin: {max_traces: 2}'));
    for (let i = 0; i < 3; i++) await request(`/${i}`);
    await until('the end', async () => view.ended || undefined);
    // Two of the three: workers tell of them on ways of their own.
    expect(paths(view)).toHaveLength(2);
    expect(['/0', '/1', '/2']).toEqual(expect.arrayContaining(paths(view)));
    await expect.poll(() => proxy.stat('http.front.tap.rq_tapped')).toBeGreaterThanOrEqual(2);
  });

  test('has one viewer at a time; who goes makes room, and costs nothing more', async () => {
    await lookAlone(ASK('any_match: true'));
    const second = await look(ASK('any_match: true'));
    await until('the refusal', async () => second.ended || undefined);
    expect([second.status, second.text]).toEqual([400, 'An attached /tap admin stream already exists. Detach it.']);
    for (const viewer of viewers) viewer.destroy();
    const third = await lookAlone(ASK('any_match: true', 'buffered_admin: {max_traces: 1}'));
    await request('/third');
    await until('the end', async () => third.ended || undefined);
    expect(paths(third)).toEqual(['/third']);
    await until('all workers have heard that nobody looks', async () => {
      const tapped = await proxy.stat('http.front.tap.rq_tapped');
      for (let i = 0; i < 8; i++) await request('/nobody');
      return (await proxy.stat('http.front.tap.rq_tapped')) === tapped;
    });
  });

  test.each([
    ['', '/tap requires a JSON/YAML body'],
    [ASK('any_match: true').replace('mine', 'other'), "Unknown config id 'other'. No extension has registered with this id."],
    ['config_id: mine', 'tap_config: '],
    ['{config_id: mine, tap_config: {nonsense: 1}}', 'nonsense'],
  ])('refuses %j', async (body, words) => {
    const view = await lookAlone(body);
    await until('the answer', async () => view.ended || undefined);
    expect(view.status).toBe(400);
    expect(view.text).toContain(words);
  });
});
