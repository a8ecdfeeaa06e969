import { type Area, bytes, closing, reply, says, silence, steps } from '../harness/scenario.ts';

const UPGRADE = (type: string, more = '') => `GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${type}\r\n${more}\r\n`;
const SWITCH = steps(
  { send: 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n' },
  { tunnel: true },
);

/** Upgrades and CONNECT. */
export const tunnels: Area = {
  name: 'tunnels',
  configurations: [
    {
      name: 'WebSocket allowed',
      hcm: '{upgrade_configs: [{upgrade_type: websocket}]}',
      routes: `
        - {match: {prefix: /ws/off}, route: {cluster: a, upgrade_configs: [{upgrade_type: websocket, enabled: false}]}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'bytes both ways',
          send: [{ raw: UPGRADE('websocket', 'Sec-WebSocket-Key: k\r\n') }, { raw: 'ping', payload: 4 }, { raw: 'pong', payload: 4 }],
          upstream: { a: [SWITCH] },
        },
        { name: 'in another case', send: [{ raw: UPGRADE('WebSocket') }, { raw: 'abc', payload: 3 }], upstream: { a: [SWITCH] } },
        {
          name: 'refused by the upstream',
          send: { raw: UPGRADE('websocket') },
          upstream: { a: [reply({ status: '403 Forbidden', body: 'no' })] },
        },
        { name: 'answered 200', send: { raw: UPGRADE('websocket') }, upstream: { a: [reply({ body: 'fine' })] } },
        {
          name: 'closed by the upstream',
          send: { raw: UPGRADE('websocket') },
          upstream: { a: [closing([...SWITCH.slice(0, 1)])] },
          closes: true,
        },
        { name: 'another protocol', send: { raw: UPGRADE('h2c') } },
        { name: 'switched off on the route', send: { raw: UPGRADE('websocket').replace('/ws', '/ws/off') } },
        { name: 'Upgrade without Connection', send: { raw: 'GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n' } },
        { name: 'no answer', send: { raw: UPGRADE('websocket', '') }, upstream: { a: [closing(silence)] } },
        {
          name: 'half-closed by the client',
          send: [{ raw: UPGRADE('websocket') }, { raw: 'bye', payload: 3 }, { raw: '', responses: 0, afterwards: 'half-close' }],
          upstream: { a: [SWITCH] },
          closes: true,
        },
      ],
    },
    {
      name: 'no upgrades',
      cases: [{ name: 'refused', send: { raw: UPGRADE('websocket') } }],
    },
    {
      name: 'upgrades of the route only',
      routes: `
        - {match: {prefix: /ws}, route: {cluster: a, upgrade_configs: [{upgrade_type: foo}]}}
        - {match: {prefix: /}, ${says('x')}}
      `,
      cases: [
        { name: 'its own type', send: [{ raw: UPGRADE('foo') }, { raw: 'abc', payload: 3 }], upstream: { a: [SWITCH] } },
        { name: 'another type', send: { raw: UPGRADE('bar') } },
      ],
    },
    {
      name: 'CONNECT terminated here',
      upstreams: { a: 'http', t: 'tcp' },
      hcm: '{upgrade_configs: [{upgrade_type: CONNECT}]}',
      routes: `
        - {match: {connect_matcher: {}}, route: {cluster: t, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        {
          name: 'bytes both ways',
          send: [{ raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' }, { raw: 'hello', payload: 5 }],
        },
        { name: 'other requests', send: 'GET /' },
        {
          name: 'early data',
          send: { raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\nearly', payload: 5, responses: 1 },
        },
      ],
    },
    {
      name: 'CONNECT passed on',
      hcm: '{upgrade_configs: [{upgrade_type: CONNECT}]}',
      routes: '- {match: {connect_matcher: {}}, route: {cluster: a}}',
      cases: [
        {
          name: 'accepted',
          send: [{ raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' }, { raw: 'hello', payload: 5 }],
          upstream: { a: [steps({ send: 'HTTP/1.1 200 OK\r\n\r\n' }, { tunnel: true })] },
        },
        {
          name: 'refused',
          send: { raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' },
          upstream: { a: [bytes('HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n')] },
        },
        { name: 'no route', send: 'GET /' },
      ],
    },
    {
      name: 'CONNECT not allowed',
      cases: [{ name: 'refused', send: { raw: 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n' } }],
    },
  ],
};
