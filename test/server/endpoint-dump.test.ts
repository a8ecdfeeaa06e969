/** `/config_dump?include_eds`; the expected texts are Envoy's for the same clusters. */
import { expect, test } from 'vitest';
import { staticHosts } from '../../src/cluster/host-update.ts';
import { type ClusterSettings, DEFAULT_CLUSTER, DEFAULT_ENDPOINT, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import type { Assignment } from '../../src/cluster/status.ts';
import { HealthFlag } from '../../src/lb/host.ts';
import { withEndpoints } from '../../src/server/endpoint-dump.ts';

const host = (port: number) => ({ ...DEFAULT_ENDPOINT, host: '127.0.0.1', port });
const address = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function assignment(settings: Partial<ClusterSettings>, more: Partial<Assignment> = {}): Assignment {
  const whole = { ...DEFAULT_CLUSTER, ...settings };
  return { settings: whole, addedViaApi: false, update: staticHosts(whole, 1, -1, 0), own: [], cells: new Int32Array(64), ...more };
}

function configsOf(assignments: readonly Assignment[]): Record<string, unknown>[] {
  return withEndpoints([{ '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump' }], assignments) as Record<string, unknown>[];
}

test('hosts by priority and locality, with their health and what they are told apart by', () => {
  const checked = { disabled: false, port: 99, ip: '', path: '', hostname: 'chk' };
  const first = { ...host(1), hostname: 'hh', weight: 5, health: HealthFlag.FailedEdsHealth, check: checked, additional: ['[::1]:1'] };
  const [section] = configsOf([
    assignment({
      name: 's',
      dropOverload: 0.3,
      localities: [
        {
          ...DEFAULT_LOCALITY,
          ...{ region: 'r', zone: 'z', weight: 3, priority: 1 },
          endpoints: [{ ...first, metadata: { 'envoy.lb': { canary: true } } }],
        },
        { ...DEFAULT_LOCALITY, zone: 'z2', endpoints: [host(4)] },
        {
          ...DEFAULT_LOCALITY,
          endpoints: [
            { ...host(3), health: HealthFlag.DegradedEdsHealth },
            { ...DEFAULT_ENDPOINT, path: '/tmp/x.sock' },
          ],
        },
      ],
    }),
  ]);
  const plain = { health_check_config: {} };
  expect(section).toEqual({
    '@type': 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump',
    static_endpoint_configs: [
      {
        endpoint_config: {
          '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
          cluster_name: 's',
          endpoints: [
            {
              locality: {},
              lb_endpoints: [
                { endpoint: { address: address(3), ...plain }, health_status: 'DEGRADED', load_balancing_weight: 1 },
                { endpoint: { address: { pipe: { path: '/tmp/x.sock' } }, ...plain }, health_status: 'HEALTHY', load_balancing_weight: 1 },
              ],
              load_balancing_weight: 0,
            },
            {
              locality: { zone: 'z2' },
              lb_endpoints: [{ endpoint: { address: address(4), ...plain }, health_status: 'HEALTHY', load_balancing_weight: 1 }],
              load_balancing_weight: 0,
            },
            {
              locality: { region: 'r', zone: 'z' },
              lb_endpoints: [
                {
                  endpoint: {
                    address: address(1),
                    health_check_config: { port_value: 99, hostname: 'chk' },
                    hostname: 'hh',
                    additional_addresses: [{ address: { socket_address: { address: '::1', port_value: 1 } } }],
                  },
                  health_status: 'UNHEALTHY',
                  metadata: { filter_metadata: { 'envoy.lb': { canary: true } } },
                  load_balancing_weight: 5,
                },
              ],
              load_balancing_weight: 3,
              priority: 1,
            },
          ],
          policy: { drop_overloads: [{ drop_percentage: { numerator: 300_000, denominator: 'MILLION' } }], overprovisioning_factor: 140 },
        },
      },
    ],
  });
});

test('clusters of a discovery service stand apart, under the service’s name; the section is that before the listeners', () => {
  const configs = configsOf([
    assignment({ name: 'fixed' }),
    assignment({ name: 'e', type: 'EDS', edsServiceName: 'svc' }, { addedViaApi: true }),
  ]);
  expect(configs.map((config) => String(config['@type']).split('.').at(-1))).toEqual(['EndpointsConfigDump', 'ListenersConfigDump']);
  const names = (field: string) =>
    (configs[0]![field] as { endpoint_config: { cluster_name: string } }[]).map(({ endpoint_config }) => endpoint_config.cluster_name);
  expect(names('static_endpoint_configs')).toEqual(['fixed']);
  expect(names('dynamic_endpoint_configs')).toEqual(['svc']);
});

test('hosts that workers have found in traffic are among them', () => {
  const counts = {
    cxActive: 0,
    cxConnectFail: 0,
    cxTotal: 0,
    rqActive: 0,
    rqError: 0,
    rqSuccess: 0,
    rqTimeout: 0,
    rqTotal: 0,
    healthFlags: 0,
  };
  const own = [{ hostname: '', address: '127.0.0.1:8', counts }];
  const [section] = configsOf([assignment({ name: 'o', type: 'ORIGINAL_DST' }, { own })]);
  expect(section).toMatchObject({
    static_endpoint_configs: [{ endpoint_config: { endpoints: [{ lb_endpoints: [{ endpoint: { address: address(8) } }] }] } }],
  });
});
