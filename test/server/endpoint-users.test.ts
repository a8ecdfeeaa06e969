/** Which clusters an answer of endpoint discovery concerns. */
import { describe, expect, test } from 'vitest';
import { packSettings } from '../../src/cluster/catalog.ts';
import { type ClusterSettings, DEFAULT_CLUSTER } from '../../src/cluster/settings.ts';
import { EndpointUsers } from '../../src/server/endpoint-users.ts';

const cluster = (name: string, edsServiceName = '', type: ClusterSettings['type'] = 'EDS'): ClusterSettings => ({
  ...DEFAULT_CLUSTER,
  name,
  type,
  edsServiceName,
});

function packed(users: EndpointUsers, settings: ClusterSettings): void {
  users.addPacked({ name: settings.name, id: 1, json: packSettings(settings) });
}

describe('the clusters of a service', () => {
  test('go by the service name, or by their own', () => {
    const users = new EndpointUsers();
    packed(users, cluster('a'));
    users.set(cluster('b', 'a'));
    packed(users, cluster('c', 'other'));
    expect([...users.of('a')]).toEqual(['a', 'b']);
    expect([...users.of('other')]).toEqual(['c']);
    expect([...users.of('c')]).toEqual([]);
  });

  test('are those with endpoint discovery alone', () => {
    const users = new EndpointUsers();
    packed(users, cluster('a', '', 'STATIC'));
    packed(users, cluster('b', 'a', 'STRICT_DNS'));
    users.set(cluster('c', 'a', 'LOGICAL_DNS'));
    expect([...users.of('a')]).toEqual([]);
  });

  test('follow changes of the settings', () => {
    const users = new EndpointUsers();
    users.set(cluster('a', 'one'));
    users.set(cluster('b', 'one'));
    users.set(cluster('a', 'two'));
    expect([...users.of('one')]).toEqual(['b']);
    expect([...users.of('two')]).toEqual(['a']);
    users.set(cluster('a', '', 'STATIC'));
    expect([...users.of('two')]).toEqual([]);
    users.remove('b');
    users.remove('unknown');
    expect([...users.of('one')]).toEqual([]);
  });
});
