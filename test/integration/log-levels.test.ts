import { once } from 'node:events';
import http from 'node:http';
import { expect, test } from 'vitest';
import { until } from '../support/poll.ts';
import { ADMIN, ProxyProcess } from '../support/proxy.ts';

const BOOTSTRAP = `${ADMIN}static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: nobody}}]}]}
          http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
  clusters:
  - {name: nobody, type: STATIC, load_assignment: {cluster_name: nobody, endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: /nowhere/socket}}}}]}]}}
`;

async function ask(port: number, path: string): Promise<void> {
  const request = http.get({ port, path, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
}

function lines(proxy: ProxyProcess, component: string): Record<string, unknown>[] {
  return proxy.stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['component'] === component);
}

test('levels by component hold on workers, and change while they run', async () => {
  const proxy = await ProxyProcess.start(BOOTSTRAP, { args: ['--component-log-level', 'router:debug,misc:error'] });
  try {
    const port = (await proxy.ports()).get('l')!;
    await ask(port, '/first');
    await until('the router has spoken', () => lines(proxy, 'router').length >= 2);
    const [matched, reset] = lines(proxy, 'router');
    expect(matched).toMatchObject({ msg: 'cluster matched', worker: 0, cluster: 'nobody', method: 'GET', path: '/first' });
    expect(reset).toMatchObject({ msg: 'upstream reset', host: '/nowhere/socket', request: matched!['request'] });
    expect(lines(proxy, 'http')).toEqual([]);

    const shown = (await proxy.admin('/logging?paths=router:info,http:debug', 'POST')).body;
    for (const line of ['  router: info', '  http: debug', '  misc: error', '  main: info']) expect(shown.split('\n')).toContain(line);
    await ask(port, '/second');
    await until('the connection manager has spoken', () => lines(proxy, 'http').length > 0);
    expect(lines(proxy, 'http')[0]).toMatchObject({ msg: 'request ended', path: '/second', code: 503, flags: 'UF' });
    expect(lines(proxy, 'router')).toHaveLength(2);
  } finally {
    await proxy.stop();
  }
});

test('a component or level that does not exist is wrong usage', async () => {
  for (const [value, words] of [
    ['rooter:debug', `invalid component specified 'rooter'; did you mean "router"?`],
    ['router:loud', `invalid log level specified 'loud'`],
    ['router', `component log level not correctly specified 'router'`],
  ] as const) {
    const { code, stderr } = await ProxyProcess.run(['-c', 'x.yaml', '--component-log-level', value]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  }
});
