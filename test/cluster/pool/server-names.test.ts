/** Which requests share the connections of a pool. */
import { expect, test } from 'vitest';
import { nameKey, namesFromRequest } from '../../../src/cluster/pool/server-names.ts';
import { lbContext } from '../../support/cluster-rig.ts';

const of = (id: number) => {
  const context = lbContext();
  return { ...context, streamInfo: context.streamInfo, downstream: { ...context.downstream, id } };
};
const key = (id: number, exclusively: boolean): string | null => {
  const names = namesFromRequest(null, of(id), null, exclusively);
  return names === null ? null : nameKey(names, 0, false);
};

test('of any client, unless each client’s connection has pools of its own', () => {
  expect(key(1, false)).toBeNull();
  expect(key(1, true)).toBe(key(1, true));
  expect(key(1, true)).not.toBe(key(2, true));
});
