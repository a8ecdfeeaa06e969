import { describe, expect, test } from 'vitest';
import { UpdateMerger } from '../../src/cluster/update-merger.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../support/plain-stats.ts';

function rig(windowMs = 1000) {
  const clock = new SimulatedClock();
  const stats = new PlainStats();
  const merger = new UpdateMerger(clock, stats);
  merger.begin('c', windowMs);
  const told: string[] = [];
  const say = (what: string) => () => void told.push(what);
  const counts = () =>
    ['cluster_updated', 'cluster_updated_via_merge', 'update_merge_cancelled', 'update_out_of_merge_window'].map((name) =>
      stats.value(name),
    );
  return { clock, merger, told, say, counts };
}

test('before a cluster is ready everything is told at once and not counted', () => {
  const { merger, told, say, counts } = rig();
  merger.members('coming', say('hosts'));
  merger.health('coming', say('first round'));
  expect(told).toEqual(['hosts', 'first round']);
  expect(counts()).toEqual([0, 0, 0, 0]);
  merger.begin('coming', 0);
  merger.health('coming', say('later'));
  expect(counts()).toEqual([1, 0, 0, 0]);
});

describe('changes that follow one another', () => {
  test('the first at once, those inside the window as one when it ends', () => {
    const { clock, merger, told, say, counts } = rig();
    merger.health('c', say('1'));
    merger.health('c', say('2'));
    merger.health('c', say('3'));
    expect(told).toEqual(['1']);
    clock.advance(1010);
    expect(told).toEqual(['1', '3']);
    expect(counts()).toEqual([1, 1, 0, 1]);
  });

  test('a list of hosts that waits is told in place of health that waits', () => {
    const { clock, merger, told, say } = rig();
    merger.members('c', say('members'));
    merger.details('c', say('weights'));
    merger.health('c', say('health'));
    clock.advance(1010);
    expect(told).toEqual(['members', 'weights']);
  });

  test('hosts that come or go are told at once, and what waited goes with them', () => {
    const { clock, merger, told, say, counts } = rig();
    merger.members('c', say('one'));
    merger.details('c', say('weights'));
    merger.members('c', say('two'));
    clock.advance(5000);
    expect(told).toEqual(['one', 'two']);
    expect(counts()).toEqual([2, 0, 1, 0]);
  });

  test('after a quiet window the next is told at once again', () => {
    const { clock, merger, told, say, counts } = rig();
    merger.health('c', say('1'));
    clock.advance(1010);
    merger.health('c', say('2'));
    expect(told).toEqual(['1', '2']);
    expect(counts()).toEqual([2, 0, 0, 2]);
  });

  test('no change waits longer than a window', () => {
    const { clock, merger, told, say } = rig();
    merger.health('c', say('0'));
    for (let i = 1; i <= 30; i++) {
      clock.advance(100);
      merger.health('c', say(String(i)));
    }
    expect(told.length).toBeGreaterThanOrEqual(3);
    clock.advance(1010);
    expect(told.at(-1)).toBe('30');
  });

  test('window 0, a cluster that is not ready and one that was forgotten: everything at once', () => {
    for (const prepare of [(m: UpdateMerger) => m.forget('c'), () => undefined]) {
      const { merger, told, say } = rig(0);
      prepare(merger);
      for (const n of ['1', '2', '3']) merger.health('c', say(n));
      expect(told).toEqual(['1', '2', '3']);
    }
    const { clock, merger, told, say } = rig();
    merger.members('c', say('1'));
    merger.health('c', say('2'));
    merger.forget('c');
    clock.advance(5000);
    expect(told).toEqual(['1']);
  });
});
