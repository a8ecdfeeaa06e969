import { expect, test } from 'vitest';
import { firstDifference, givenCriteria, unmetCriteria } from '../../../src/listener/match/explain.ts';
import { type ConnectionFacts, FilterChainTable } from '../../../src/listener/match/filter-chain-match.ts';
import { type FilterChainMatchSettings, MATCH_ANYTHING } from '../../../src/listener/settings.ts';
import { ipAddress } from '../../../src/net/address.ts';
import { seededRandom } from '../../../src/runtime/random.ts';

const FACTS: ConnectionFacts = {
  localAddress: ipAddress('10.1.0.1', 443),
  remoteAddress: ipAddress('10.2.0.9', 40_000),
  directRemoteAddress: ipAddress('10.2.0.9', 40_000),
  requestedServerName: 'a.shop.test',
  transportProtocol: 'tls',
  applicationProtocols: ['h2'],
};

function match(changes: Partial<FilterChainMatchSettings>): FilterChainMatchSettings {
  return { ...MATCH_ANYTHING, ...changes };
}

test('each criterion is judged by itself', () => {
  const both = match({ destinationPort: 80, serverNames: ['*.shop.test'], transportProtocol: 'raw_buffer', sourceType: 'EXTERNAL' });
  expect(unmetCriteria(both, FACTS)).toEqual(['destination_port 80', 'transport_protocol raw_buffer']);
  expect(givenCriteria(both)).toEqual([
    'destination_port 80',
    'server_names [*.shop.test]',
    'transport_protocol raw_buffer',
    'source_type EXTERNAL',
  ]);
  expect(unmetCriteria(match({ prefixRanges: ['10.1.0.0/16'], sourcePrefixRanges: ['10.3.0.0/16'] }), FACTS)).toEqual([
    'source_prefix_ranges [10.3.0.0/16]',
  ]);
  expect(unmetCriteria(match({ sourcePorts: [1, 40_000], applicationProtocols: ['h2', 'http/1.1'] }), FACTS)).toEqual([]);
  expect(unmetCriteria(MATCH_ANYTHING, FACTS)).toEqual([]);
});

test('names the criterion in which two chains differ', () => {
  expect(firstDifference(match({ serverNames: ['a.test'] }), match({ serverNames: ['b.test'], sourcePorts: [1] }))).toBe('server_names');
  expect(firstDifference(MATCH_ANYTHING, match({}))).toBe('');
});

test('a chain alone in its table is found exactly when nothing is unmet', () => {
  const random = seededRandom(3);
  const pick = <T>(...values: T[]): T => values[random.below(values.length)]!;
  for (let i = 0; i < 2000; i++) {
    const criteria = match({
      destinationPort: pick(0, 0, 443, 80),
      prefixRanges: pick<string[]>([], ['10.1.0.0/16'], ['0.0.0.0/0'], ['10.9.0.0/16', '10.1.0.1/32']),
      serverNames: pick<string[]>([], ['a.shop.test'], ['*.test'], ['*.other.test']),
      transportProtocol: pick('', 'tls', 'raw_buffer'),
      applicationProtocols: pick<string[]>([], ['h2'], ['http/1.1']),
      sourceType: pick('ANY', 'EXTERNAL', 'SAME_IP_OR_LOOPBACK'),
      sourcePrefixRanges: pick<string[]>([], ['10.2.0.0/16'], ['10.3.0.0/16']),
      sourcePorts: pick<number[]>([], [40_000], [1]),
    });
    const table = new FilterChainTable<true>(null);
    table.add(criteria, true);
    expect(unmetCriteria(criteria, FACTS).length === 0).toBe(table.find(FACTS) === true);
  }
});
