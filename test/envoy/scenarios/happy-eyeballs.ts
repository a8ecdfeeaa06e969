import type { Area, Case } from '../harness/scenario.ts';

const at = (port: string, ip = '127.0.0.1') => `{socket_address: {address: "${ip}", port_value: ${port}}}`;
const cluster = (name: string, first: string, others: readonly string[], more = '') =>
  `- {name: ${name}${more}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: ${first}, additional_addresses: [${others.map((other) => `{address: ${other}}`).join(', ')}]}}]}]}}`;
const PREFER_V6 =
  ', upstream_connection_options: {happy_eyeballs_config: {first_address_family_version: V6, first_address_family_count: 2}}';

const list: readonly (readonly [string, string, readonly string[], string?])[] = [
  ['first', at('{{a}}'), [at('{{b}}')]],
  ['second', at('{{dead}}'), [at('{{b}}')]],
  ['third', at('{{dead}}'), [at('{{dead}}', '::1'), at('{{b}}')]],
  ['none', at('{{dead}}'), [at('{{dead}}', '::1')]],
  ['other-family-first', at('{{a}}'), [at('{{dead}}', '::1'), at('{{dead}}', '::2')], PREFER_V6],
];

const request = (name: string): Case => ({ name, send: [`GET /${name}`, `GET /${name}`] });

/** Hosts with several addresses: whichever answers. */
export const happyEyeballs: Area = {
  name: 'happy-eyeballs',
  configurations: [
    {
      name: 'additional addresses',
      clusters: list.map(([name, first, others, more]) => cluster(name, first, others, more)).join('\n'),
      routes: list.map(([name]) => `- {match: {path: /${name}}, route: {cluster: ${name}}}`).join('\n'),
      cases: [...list.map(([name]) => request(name)), { name: 'hosts', admin: 'GET /clusters', adminLines: /::cx_(total|connect_fail)/ }],
    },
  ],
};
