import { expect, test } from 'vitest';
import { configItems } from '../../../src/page/browser/config-items.ts';

test('a dump falls into named parts', () => {
  const type = (name: string) => `type.googleapis.com/envoy.admin.v3.${name}`;
  const items = configItems([
    { '@type': type('BootstrapConfigDump'), bootstrap: { node: { id: 'n' } }, last_updated: 'now' },
    {
      '@type': type('ClustersConfigDump'),
      static_clusters: [{ cluster: { name: 'web', lb_policy: 'MAGLEV' }, last_updated: 'now' }],
      dynamic_active_clusters: [{ version_info: '1', cluster: { name: 'api' } }],
    },
    { '@type': type('ListenersConfigDump'), dynamic_listeners: [{ name: 'in', active_state: { listener: { name: 'inner' } } }] },
    { '@type': type('RoutesConfigDump'), static_route_configs: [{ route_config: { virtual_hosts: [{ name: 'vh' }] } }] },
    { '@type': type('EndpointsConfigDump'), static_endpoint_configs: [{ endpoint_config: { cluster_name: 'web' } }] },
    { '@type': type('SecretsConfigDump') },
  ]);
  expect(items.map((i) => [i.kind, i.field, i.name])).toEqual([
    ['Bootstrap', '', 'bootstrap'],
    ['Clusters', 'static_clusters', 'web'],
    ['Clusters', 'dynamic_active_clusters', 'api'],
    ['Listeners', 'dynamic_listeners', 'in'],
    ['Routes', 'static_route_configs', '(no name)'],
    ['Endpoints', 'static_endpoint_configs', 'web'],
    ['Secrets', '', 'secrets'],
  ]);
  expect(items[1]!.text).toContain('maglev');
  expect(new Set(items.map((i) => i.id)).size).toBe(items.length);
});
