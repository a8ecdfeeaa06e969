import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { HcmSettings } from '../../src/filters/network/http-connection-manager/settings.ts';
import { loadConfig } from '../../src/server/load-config.ts';

const directory = mkdtempSync(join(tmpdir(), 'outrider-unsupported-'));
afterAll(() => rmSync(directory, { recursive: true }));

const type = (name: string, rest = '') => `{"@type": type.googleapis.com/envoy.extensions.${name}${rest === '' ? '' : `, ${rest}`}}`;
const LUA = `{name: lua, typed_config: ${type('filters.http.lua.v3.Lua', 'default_source_code: {inline_string: "x = 1"}')}}`;
const ROUTER = `{name: router, typed_config: ${type('filters.http.router.v3.Router')}}`;
const HCM = (filters: string, rest = '') =>
  `{name: hcm, typed_config: ${type(
    'filters.network.http_connection_manager.v3.HttpConnectionManager',
    `stat_prefix: x, http_filters: [${filters}]${rest}, route_config: {virtual_hosts: [{name: v, domains: ["*"], typed_per_filter_config: {lua: ${type(
      'filters.http.lua.v3.LuaPerRoute',
      'disabled: true',
    )}}, routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]}`,
  )}}`;
const WASM_LOG = `{name: wasm, typed_config: ${type('access_loggers.wasm.v3.WasmAccessLog', 'config: {}')}}`;
const THRIFT = `{name: thrift, typed_config: ${type('filters.network.thrift_proxy.v3.ThriftProxy', 'stat_prefix: t')}}`;
/** No listener filter at all: what is not known as one is refused whatever it is. */
const LISTENER_FILTER = `{name: map, typed_config: ${type('filters.network.zookeeper_proxy.v3.ZooKeeperProxy', 'stat_prefix: l')}}`;

async function load(filters: string, allowUnsupported: boolean, listener = '') {
  const path = join(directory, 'bootstrap.yaml');
  writeFileSync(
    path,
    `static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}${listener}, filter_chains: [{filters: [${filters}]}]}]}`,
  );
  const { compiled, problems } = await loadConfig({
    path,
    yaml: null,
    allowUnknown: false,
    allowUnsupported,
    strictHttp1: false,
    rejectUnknownDynamic: false,
    serviceNode: '',
    serviceCluster: '',
    serviceZone: '',
  });
  return {
    chain: compiled?.listeners[0]?.filterChains[0]?.filters ?? null,
    listenerFilters: compiled?.listeners[0]?.listenerFilters ?? null,
    problems: problems.map((p) => `${p.severity} ${p.message}`),
  };
}

describe('what is not implemented', () => {
  const all = [`${HCM(`${LUA}, ${ROUTER}`, `, access_log: [${WASM_LOG}]`)}`, `, listener_filters: [${LISTENER_FILTER}]`] as const;

  test('is refused', async () => {
    const { chain, problems } = await load(all[0], false, all[1]);
    expect(chain).toBeNull();
    const errors = problems.filter((p) => p.startsWith('error')).join('\n');
    for (const name of ['lua.v3.Lua ', 'LuaPerRoute', 'WasmAccessLog', 'ZooKeeperProxy']) expect(errors).toContain(name);
  });

  test('is left out with a warning when that was asked for', async () => {
    const { chain, listenerFilters, problems } = await load(all[0], true, all[1]);
    const settings = chain![0]!.settings as HcmSettings;
    expect(settings.httpFilters.map((f) => f.name)).toEqual(['router']);
    expect(settings.accessLogs).toEqual([]);
    expect(listenerFilters).toEqual([]);
    expect(problems.filter((p) => !p.startsWith('warning'))).toEqual([]);
    const warnings = problems.join('\n');
    for (const name of ['lua.v3.Lua ', 'LuaPerRoute', 'WasmAccessLog', 'ZooKeeperProxy']) expect(warnings).toContain(name);
  });

  test('keeps its name: routes may speak of a filter that was refused', async () => {
    for (const allow of [false, true]) {
      const { problems } = await load(HCM(`${LUA}, ${ROUTER}`), allow);
      expect(problems.join('\n')).not.toContain("is named 'lua'");
    }
    expect((await load(HCM(ROUTER), true)).problems.join('\n')).toContain("is named 'lua'");
  });

  test('leaves a chain without anybody to serve it: it closes its connections', async () => {
    const { chain, problems } = await load(THRIFT, true);
    expect(chain).toEqual([]);
    expect(problems.filter((p) => p.startsWith('error'))).toEqual([]);
  });

  test('cannot be the last HTTP filter', async () => {
    expect((await load(HCM(LUA), true)).problems).toContain('error the last filter cannot be left out: nothing else answers requests');
  });

  test('of kinds that are not TCP, and clusters of other types, nothing is kept', async () => {
    const path = join(directory, 'kinds.yaml');
    writeFileSync(
      path,
      `
dynamic_resources: {lds_config: {ads: {}}, ads_config: {api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: c}}]}}
static_resources:
  listeners: [{name: udp, udp_listener_config: {}, address: {socket_address: {protocol: UDP, address: 127.0.0.1, port_value: 0}}}]
  clusters:
  - {name: c, type: STATIC}
  - {name: forward, lb_policy: CLUSTER_PROVIDED, cluster_type: {name: x, typed_config: ${type('clusters.redis.v3.RedisClusterConfig')}}}
`,
    );
    const flags = { yaml: null, allowUnknown: false, strictHttp1: false, rejectUnknownDynamic: false };
    const node = { serviceNode: '', serviceCluster: '', serviceZone: '' };
    const { compiled, problems } = await loadConfig({ path, allowUnsupported: true, ...flags, ...node });
    expect(problems.filter((p) => p.severity === 'error')).toEqual([]);
    expect(compiled!.listeners).toEqual([]);
    expect(compiled!.dynamic.lds).toBeNull();
    expect(problems.map((p) => p.path)).toEqual(expect.arrayContaining(['static_resources.clusters[1].cluster_type']));
    expect((await loadConfig({ path, allowUnsupported: false, ...flags, ...node })).compiled).toBeNull();
  });
});
