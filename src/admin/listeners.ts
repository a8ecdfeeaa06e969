/** `/listeners`: names and bound addresses. */
import type { Endpoint } from './api.ts';
import { addressJson } from './clusters.ts';
import { json, text } from './reply.ts';

export const listenersEndpoint: Endpoint = {
  path: '/listeners',
  help: 'print listener info',
  mutates: false,
  parameters: [{ name: 'format', help: 'format to use', values: ['text', 'json'] }],
  handle: (request, deps) => {
    if (request.params.get('format') !== 'json') {
      let out = '';
      for (const l of deps.listeners()) for (const address of [l.address, ...l.additionalAddresses]) out += `${l.name}::${address.text}\n`;
      return text(out);
    }
    const statuses = Array.from(deps.listeners(), (l) => ({
      name: l.name,
      local_address: addressJson(l.address),
      ...(l.additionalAddresses.length > 0 && { additional_local_addresses: l.additionalAddresses.map(addressJson) }),
    }));
    return json(statuses.length === 0 ? {} : { listener_statuses: statuses });
  },
};
