/** HPACK against the examples of RFC 7541 appendix C, against itself, and against what must not be accepted. */
import { describe, expect, test } from 'vitest';
import { HpackDecoder } from '../../../src/http/h2/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/http/h2/hpack-encoder.ts';
import { decodedBound, huffmanDecode, huffmanEncode, huffmanLength } from '../../../src/http/h2/huffman.ts';
import { seededRandom } from '../../../src/runtime/random.ts';

function decode(decoder: HpackDecoder, hex: string, maxSize = 60_000, maxCount = 100): string[] | null {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  if (!decoder.decode(bytes, 0, bytes.length, maxSize, maxCount)) return null;
  return Array.from({ length: decoder.count }, (_, i) => `${decoder.fields[i]!.name}: ${decoder.values[i]!}`);
}

const REQUESTS = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
  [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
];
const RESPONSES = [
  [':status: 302', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', 'location: https://www.example.com'],
  [':status: 307', 'cache-control: private', 'date: Mon, 21 Oct 2013 20:13:21 GMT', 'location: https://www.example.com'],
  [
    ':status: 200',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:22 GMT',
    'location: https://www.example.com',
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
];
/** A table size update to 256, which appendices C.5 and C.6 assume. */
const TO_256 = '3fe101';

const EXAMPLES: Record<string, { blocks: string[]; messages: string[][] }> = {
  'C.3 requests': {
    blocks: [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ],
    messages: REQUESTS,
  },
  'C.4 requests, Huffman': {
    blocks: ['828684418cf1e3c2e5f23a6ba0ab90f4ff', '828684be5886a8eb10649cbf', '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf'],
    messages: REQUESTS,
  },
  'C.5 responses': {
    blocks: [
      TO_256 +
        '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
      '4803333037c1c0bf',
      '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
    ],
    messages: RESPONSES,
  },
  'C.6 responses, Huffman': {
    blocks: [
      TO_256 + '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      '4883640effc1c0bf',
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    ],
    messages: RESPONSES,
  },
};

describe('examples of RFC 7541', () => {
  for (const [name, { blocks, messages }] of Object.entries(EXAMPLES)) {
    test(name, () => {
      const decoder = new HpackDecoder(4096);
      expect(blocks.map((block) => decode(decoder, block))).toEqual(messages);
    });
  }

  test('C.2: literals', () => {
    expect(decode(new HpackDecoder(4096), '400a637573746f6d2d6b65790d637573746f6d2d686561646572')).toEqual(['custom-key: custom-header']);
    expect(decode(new HpackDecoder(4096), '040c2f73616d706c652f70617468')).toEqual([':path: /sample/path']);
    expect(decode(new HpackDecoder(4096), '100870617373776f726406736563726574')).toEqual(['password: secret']);
    expect(decode(new HpackDecoder(4096), '82')).toEqual([':method: GET']);
  });
});

describe('broken blocks', () => {
  const broken: Record<string, string> = {
    'index 0': '80',
    'index past both tables': 'be',
    'name index past both tables': '7f80 01 61',
    'an integer cut off': 'ff',
    'an integer without end': 'ff ff ff ff ff ff ff ff ff 01',
    'a string longer than the block': '00 05 61',
    'a value cut off': '00 01 61',
    'a name cut off': '00',
    'a table larger than allowed': '3f e2 1f',
    'a size update after a field': '82 20',
    'Huffman padding of zeros': '00 01 61 81 18',
    'Huffman padding of a whole byte': '00 01 61 82 1f ff',
    'the EOS symbol': '00 01 61 84 ff ff ff ff',
  };
  for (const [name, hex] of Object.entries(broken)) {
    test(name, () => {
      expect(decode(new HpackDecoder(4096), hex)).toBeNull();
    });
  }
});

describe('malformed fields are noted, and the table goes on', () => {
  const malformed: Record<string, string> = {
    'an upper-case name': '00 03 466f6f 01 61',
    'an empty name': '00 00 01 61',
    'a blank in the name': '00 03 612062 01 61',
    'a colon in the name': '00 03 613a62 01 61',
    'a NUL in the value': '00 01 61 01 00',
    'a line feed in the value': '00 01 61 03 610a62',
  };
  for (const [name, hex] of Object.entries(malformed)) {
    test(name, () => {
      const decoder = new HpackDecoder(4096);
      expect(decode(decoder, hex)).not.toBeNull();
      expect(decoder.malformed).toBe(true);
      expect(decode(decoder, '82')).toEqual([':method: GET']);
      expect(decoder.malformed).toBe(false);
    });
  }

  test('a bad field stays bad when the table repeats it', () => {
    const decoder = new HpackDecoder(4096);
    decode(decoder, '40 03 466f6f 01 61');
    decode(decoder, 'be');
    expect(decoder.malformed).toBe(true);
  });

  test('blanks around a value are trimmed', () => {
    expect(decode(new HpackDecoder(4096), '00 01 61 05 2009 62 2020')).toEqual(['a: b']);
  });
});

describe('bounds', () => {
  test('fields past the limits are dropped, but still enter the table', () => {
    const decoder = new HpackDecoder(4096);
    expect(decode(decoder, '40 01 61 01 62  40 01 63 01 64', 60_000, 1)).toEqual(['a: b']);
    expect(decoder.overflow).toBe(true);
    expect(decode(decoder, 'be bf')).toEqual(['c: d', 'a: b']);
    expect(decoder.overflow).toBe(false);
  });

  test('a bomb of references keeps no more than the limit', () => {
    const decoder = new HpackDecoder(4096);
    const value = 'x'.repeat(3000);
    const first = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x80 | ((3000 - 127) & 127), (3000 - 127) >> 7]), Buffer.from(value)]);
    const bomb = Buffer.concat([first, Buffer.alloc(16_000, 0xbe)]);
    expect(decoder.decode(bomb, 0, bomb.length, 60 * 1024, 100_000)).toBe(true);
    expect(decoder.overflow).toBe(true);
    expect(decoder.count).toBeLessThanOrEqual(20);
    expect(decoder.size).toBeGreaterThan(40_000_000);
  });

  test('the table holds no more than its capacity', () => {
    const decoder = new HpackDecoder(4096);
    for (let i = 0; i < 300; i++) decode(decoder, `40 02 61${(0x61 + (i % 26)).toString(16)} 01 62`);
    // 35 bytes each: 117 entries fit, and no more can be named.
    expect(decode(decoder, 'ff 33')).not.toBeNull();
    expect(decode(decoder, 'ff 34')).toBeNull();
  });
});

describe('Huffman code', () => {
  test('every byte comes back', () => {
    const text = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).latin1Slice();
    const out = Buffer.alloc(huffmanLength(text) + 8);
    const end = huffmanEncode(text, out, 0);
    expect(end).toBe(huffmanLength(text));
    const back = Buffer.alloc(decodedBound(end));
    expect(huffmanDecode(out, 0, end, back)).toBe(256);
    expect(back.latin1Slice(0, 256)).toBe(text);
  });

  test('any text comes back', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 2000; round++) {
      const spread = random.below(2) === 0 ? 96 : 256;
      const text = Buffer.from(
        Array.from({ length: random.below(40) }, () => (spread === 96 ? 32 : 0) + random.below(spread - (spread === 96 ? 1 : 0))),
      ).latin1Slice();
      const out = Buffer.alloc(huffmanLength(text) + 8);
      const end = huffmanEncode(text, out, 3);
      const back = Buffer.alloc(decodedBound(end));
      expect(back.latin1Slice(0, huffmanDecode(out, 3, end, back))).toBe(text);
    }
  });
});

describe('encoder', () => {
  function block(encoder: HpackEncoder, fields: readonly (readonly [string, string])[]): Buffer {
    encoder.begin();
    for (const [name, value] of fields) encoder.field(name, value);
    return Buffer.from(encoder.block.subarray(0, encoder.length));
  }

  test('what repeats becomes one byte', () => {
    const encoder = new HpackEncoder();
    const fields = [
      [':status', '200'],
      ['content-type', 'application/json'],
      ['x-custom', 'some value'],
    ] as const;
    const sizes = [1, 2, 3].map(() => block(encoder, fields).length);
    expect(sizes[0]).toBeGreaterThan(20);
    expect(sizes[2]).toBe(3);
  });

  test('credentials are never indexed, nor may anyone else do so', () => {
    const encoder = new HpackEncoder();
    for (const name of ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']) {
      for (let i = 0; i < 4; i++) expect(block(encoder, [[name, 'secret']])[0]! & 0xf0, name).toBe(0x10);
    }
  });

  test('connection-specific fields are left out', () => {
    const names = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host', 'http2-settings'];
    expect(
      block(
        new HpackEncoder(),
        names.map((name) => [name, 'x'] as const),
      ).length,
    ).toBe(0);
    expect(block(new HpackEncoder(), [['te', 'gzip']]).length).toBe(0);
    expect(block(new HpackEncoder(), [['te', 'trailers']]).length).toBeGreaterThan(0);
  });

  test('a smaller table is announced, the smallest first', () => {
    const encoder = new HpackEncoder();
    encoder.setCapacity(100, 4096);
    encoder.setCapacity(0, 4096);
    encoder.setCapacity(1000, 4096);
    expect(block(encoder, [[':status', '200']]).toString('hex')).toBe('203fc90788');
    expect(block(encoder, [[':status', '200']]).toString('hex')).toBe('88');
  });

  test('the peer may allow a huge table: it is not used', () => {
    const encoder = new HpackEncoder();
    encoder.setCapacity(1 << 30, 4096);
    expect(block(encoder, [[':status', '200']]).toString('hex')).toBe('88');
  });

  test('any messages come back, whatever the table size does', () => {
    const random = seededRandom(11);
    const names = ['a', 'content-type', 'x-long-name-of-a-field', ':path', 'date', 'cookie', 'x-1', 'x-2', 'x-3'];
    for (let round = 0; round < 200; round++) {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(4096);
      for (let message = 0; message < 30; message++) {
        if (random.below(10) === 0) encoder.setCapacity(random.below(5000), 4096);
        const fields = Array.from({ length: random.below(8) }, () => {
          const value = 'v'.repeat(random.below(3) * 40) + String(random.below(3));
          return [names[random.below(names.length)]!, value] as const;
        });
        const bytes = block(encoder, fields);
        expect(decode(decoder, bytes.toString('hex'))).toEqual(fields.map(([name, value]) => `${name}: ${value}`));
      }
    }
  });
});
