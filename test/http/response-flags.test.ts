import { describe, expect, test } from 'vitest';
import { Flag, flagBit, longFlags, shortFlags } from '../../src/http/response-flags.ts';
import { type ConnectionInfo, StreamInfo } from '../../src/http/stream-info.ts';
import { ipAddress } from '../../src/net/address.ts';

const info = () => new StreamInfo({ remoteAddress: ipAddress('1.2.3.4', 5) } as ConnectionInfo, 0, 0, 0);

describe('response flags', () => {
  test.each([
    [['URX', 'UC'], 'URX,UC'],
    [['UC', 'URX'], 'UC,URX'],
    [['DI', 'UT', 'DI'], 'DI,UT'],
    [['UDO', 'LH', 'OM', 'NR', 'SI', 'DC'], 'UDO,LH,OM,NR,SI,DC'],
    // Six are remembered in order; more than that never come together.
    [['UDO', 'LH', 'OM', 'NR', 'SI', 'DC', 'UT'], 'UDO,LH,OM,NR,SI,DC,UT'],
    [[], ''],
  ])('%j are printed in the order in which they were set', (names, expected) => {
    const stream = info();
    for (const name of names) stream.flags |= flagBit(name);
    expect(shortFlags(stream.flags, stream.flagOrder)).toBe(expected);
  });

  test('several set at once go by their bits', () => {
    const stream = info();
    stream.flags |= Flag.URX | Flag.UF;
    expect(shortFlags(stream.flags, stream.flagOrder)).toBe('UF,URX');
    expect(longFlags(stream.flags, stream.flagOrder)).toBe('UpstreamConnectionFailure,UpstreamRetryLimitExceeded');
  });

  test('an unknown name has no bit', () => expect(flagBit('XX')).toBe(0));
});
