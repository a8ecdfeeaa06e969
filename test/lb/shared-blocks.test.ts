import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { localBlock, lockCell, SharedBlocks, unlockCell } from '../../src/lb/shared-blocks.ts';
import { NAMED_BLOCKS, SharedSlab } from '../../src/lb/shared-slab.ts';

describe('shared blocks', () => {
  test('a name is one block for every thread, and a zeroed one at first', () => {
    const slab = SharedSlab.create(1 << 12, 64);
    const one = new SharedBlocks(slab);
    const other = new SharedBlocks(new SharedSlab(slab.buffer));
    const a = one.acquire('a');
    expect(Array.from(a.cells.subarray(a.base, a.base + 12))).toEqual(Array(12).fill(0));
    a.cells[a.base] = 7;
    expect(other.acquire('a').base).toBe(a.base);
    expect(other.acquire('b').base).not.toBe(a.base);
    expect(a.base % 2).toBe(0);
  });

  test('a block whose users have died is given to the next name, zeroed', () => {
    const control = SharedSlab.create(1 << 12, 64);
    const ledger = control.newLedger();
    const dying = new SharedBlocks(new SharedSlab(control.buffer, ledger));
    const block = dying.acquire('a');
    block.cells[block.base] = 9;
    control.reclaim(ledger);
    const next = new SharedBlocks(control).acquire('a');
    expect(next.base).toBe(block.base);
    expect(next.cells[next.base]).toBe(0);
  });

  test('more names than there is room for count in memory of their own', () => {
    const blocks = new SharedBlocks(SharedSlab.create(1 << 18, 16));
    const held = Array.from({ length: NAMED_BLOCKS + 10 }, (_, i) => blocks.acquire(`name ${i}`));
    const shared = held.filter((block) => block.cells.length > 12);
    expect(new Set(shared.map((block) => block.base)).size).toBe(NAMED_BLOCKS);
    expect(held.length - shared.length).toBe(10);
    expect(localBlock().cells.length).toBe(12);
  });
});

test('a lock that another thread holds is waited for', async () => {
  const slab = SharedSlab.create(1 << 16, 64);
  const { cells, base } = new SharedBlocks(slab).acquire('locked');
  lockCell(cells, base);
  const waiting = new Worker(new URL('./lock-worker.ts', import.meta.url), { workerData: { buffer: slab.buffer, index: base } });
  await once(waiting, 'message');
  cells[base + 1] = 7;
  unlockCell(cells, base);
  expect(await once(waiting, 'message')).toEqual([7]);
});
