import { toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { anyBytes } from '../../src/config/any-message.ts';
import { apiRegistry } from '../../src/config/api-registry.ts';
import type { Listener } from '../../src/config/gen/envoy/config/listener/v3/listener_pb.js';
import { loadMessage } from '../../src/config/load-message.ts';
import { namedTypes } from '../../src/server/named-types.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters';
const LISTENER = `
name: l
filter_chains:
- filters:
  - name: hcm
    typed_config:
      "@type": ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: s
      http_filters: [{name: f, typed_config: {"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${TYPE}.http.fault.v3.HTTPFault, value: {}}}]
      route_config:
        virtual_hosts:
        - {name: v, domains: ["*"], typed_per_filter_config: {c: {"@type": ${TYPE}.http.cors.v3.CorsPolicy}}, routes: [{match: {prefix: /}, direct_response: {status: 200}}]}
`;
const NAMES = ['network.http_connection_manager.v3.HttpConnectionManager', 'http.fault.v3.HTTPFault', 'http.cors.v3.CorsPolicy'];
const all = (names: ReadonlySet<string>) => NAMES.every((name) => names.has(`envoy.extensions.filters.${name}`));

test('types named at any depth, in a document', () => {
  const { partial } = loadMessage<Listener>('envoy.config.listener.v3.Listener', { yamlOverlay: LISTENER });
  const names = namedTypes([partial]);
  expect(all(names)).toBe(true);
  expect(names.has('envoy.extensions.filters.http.buffer.v3.Buffer')).toBe(false);
});

test('and in bytes', () => {
  const { partial } = loadMessage<Listener>('envoy.config.listener.v3.Listener', { yamlOverlay: LISTENER });
  for (const { filters } of partial!.filterChains) {
    for (const { configType } of filters)
      if (configType.case === 'typedConfig') configType.value.value = anyBytes(configType.value) as never;
  }
  expect(all(namedTypes(toBinary(apiRegistry().getMessage('envoy.config.listener.v3.Listener')!, partial!)))).toBe(true);
});
