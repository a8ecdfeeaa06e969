import type { Area, Configuration } from '../harness/scenario.ts';

const OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const HTTP2 = `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${OPTIONS}, explicit_http_config: {http2_protocol_options: {}}}}`;
const OWN = 'connection_pool_per_downstream_connection: true';

const cluster = (name: string, upstream: string, more: string): string =>
  `- {name: ${name}, ${OWN}, ${more}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${upstream}}}}}}}]}]}}`;

const configuration = (name: string, upstream: string, more: string): Configuration => ({
  name,
  upstreams: { a: 'http', h: 'http2' },
  clusters: cluster('own', upstream, more),
  routes: '- {match: {prefix: /}, route: {cluster: own}}',
  cases: [
    { name: 'one client', send: ['GET /1', 'GET /2', 'GET /3'] },
    { name: 'another', send: ['GET /4', 'GET /5'] },
    { name: 'a third', send: 'GET /6' },
  ],
});

/** Connections to upstreams that belong to the connection of one client. */
export const ownPools: Area = {
  name: 'own-pools',
  configurations: [configuration('HTTP/1.1', 'a', 'type: STATIC'), configuration('HTTP/2', 'h', HTTP2)],
};
