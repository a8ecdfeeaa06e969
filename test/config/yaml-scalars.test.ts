import { describe, expect, test } from 'vitest';
import { plainScalar } from '../../src/config/yaml-scalars.ts';

// What Envoy 1.40 printed for each as the JSON of its bootstrap.
describe('plain scalars are read as Envoy reads them', () => {
  test.each([
    ['yes', true],
    ['y', true],
    ['No', false],
    ['ON', true],
    ['True', true],
    ['tRue', 'tRue'],
    ['~', null],
    ['', null],
    ['Null', null],
    ['nULL', 'nULL'],
    ['010', 8],
    ['08', '08'],
    ['0o10', '0o10'],
    ['0x1F', 31],
    ['0x', '0x'],
    ['1e3', '1e3'],
    ['1.50', '1.50'],
    ['.5', '.5'],
    ['.inf', '.inf'],
    ['-5', -5],
    ['+5', 5],
    ['-', '-'],
    ['1_000', '1_000'],
    ['2001-01-01', '2001-01-01'],
    ['1:30', '1:30'],
    ['1.2.3.4', '1.2.3.4'],
    ['2147483647', 2147483647],
    ['2147483648', '2147483648'],
    ['9007199254740993', '9007199254740993'],
    ['12345678901234567890', '12345678901234567890'],
    ['-0x10', -16],
  ])('%j → %j', (text, value) => {
    expect(plainScalar(text)).toBe(value);
  });
});
