import type { Area } from '../harness/scenario.ts';

/** A file of one ClusterLoadAssignment, as discovery writes it. */
const file = (version: string, policy: string, port: string): string =>
  `version_info: "${version}"
resources:
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: found
  policy: {${policy}}
  endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]
`;

/** Endpoints that a discovery service has to renew. */
export const endpoints: Area = {
  name: 'endpoints',
  configurations: [
    {
      name: 'stale',
      files: { 'eds.yaml': file('one', 'endpoint_stale_after: 1s', '{{a}}') },
      clusters: `- name: found
  type: EDS
  eds_cluster_config: {eds_config: {path_config_source: {path: "{{dir}}/eds.yaml"}, resource_api_version: V3}}`,
      routes: '- {match: {prefix: /}, route: {cluster: found}}',
      statsDiffer: {
        reason: 'a request that finds no hosts at all is no panic here; Envoy counts one once there have been some',
        changes: ['- cluster.found.lb_healthy_panic: 1'],
      },
      cases: [
        { name: 'they go', until: { 'cluster.found.assignment_stale': 1 }, send: 'GET /none' },
        {
          name: 'they come again',
          writes: { 'eds.yaml': file('two', '', '{{b}}') },
        },
        { name: 'and are used', until: { 'cluster.found.update_success': 2, 'cluster.found.membership_total': 1 }, send: 'GET /again' },
      ],
    },
  ],
};
