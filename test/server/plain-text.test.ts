/** What was to be encrypted is never served or sent in plain text, whatever flag is given. */
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/server/load-config.ts';

/** Encrypts, and is not implemented. */
const ALTS =
  'transport_socket: { name: alts, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.alts.v3.Alts, handshaker_service: x } }';
const ECHO = '{ name: echo, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo } }';

test.each([
  [
    'listener',
    `listeners: [{ name: l, address: { socket_address: { address: 127.0.0.1, port_value: 0 } }, filter_chains: [{ filters: [${ECHO}], ${ALTS} }] }]`,
    'static_resources.listeners[0].filter_chains[0].transport_socket.typed_config',
  ],
  ['cluster', `clusters: [{ name: c, type: STATIC, ${ALTS} }]`, 'static_resources.clusters[0].transport_socket.typed_config'],
])('an encrypted %s is refused with --allow-unsupported too', async (_what, resources, path) => {
  const { compiled, problems } = await loadConfig({
    path: null,
    yaml: `static_resources: { ${resources} }`,
    allowUnknown: true,
    allowUnsupported: true,
    rejectUnknownDynamic: false,
    strictHttp1: false,
    serviceNode: '',
    serviceCluster: '',
    serviceZone: '',
  });
  expect(compiled).toBeNull();
  expect(problems.filter((problem) => problem.severity === 'error').map((problem) => problem.path)).toEqual([path]);
});
