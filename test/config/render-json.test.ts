import { describe, expect, test } from 'vitest';
import { renderMessage } from '../../src/config/render-json.ts';
import { load } from './support.ts';

function rendered(yaml: string): unknown {
  const { bootstrap, problems } = load(yaml, { allowUnsupported: true });
  expect(problems.filter((p) => p.startsWith('E'))).toEqual([]);
  return renderMessage(bootstrap!);
}

describe('messages as JSON', () => {
  test('what was loaded comes back: names as in the API, defaults left out', () => {
    const yaml = {
      node: { id: 'a', metadata: { n: 15, l: [null, true] } },
      static_resources: {
        clusters: [
          {
            name: 'c',
            connect_timeout: '0.250s',
            type: 'STRICT_DNS',
            lb_policy: 'RANDOM',
            per_connection_buffer_limit_bytes: 0,
            circuit_breakers: { thresholds: [{ priority: 'HIGH', max_requests: 5 }] },
            typed_extension_protocol_options: {
              x: {
                '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
                explicit_http_config: { http_protocol_options: {} },
              },
            },
          },
        ],
      },
    };
    expect(rendered(JSON.stringify(yaml))).toEqual(yaml);
  });

  test.each([
    ['1s', '1s'],
    ['1.5s', '1.500s'],
    ['0.000001s', '0.000001s'],
    ['0.000000001s', '0.000000001s'],
    ['3600.120s', '3600.120s'],
  ])('a duration of %s is %s', (given, shown) => {
    expect(rendered(`stats_eviction_interval: ${given}`)).toEqual({ stats_eviction_interval: shown });
  });

  test('private keys and passwords are not shown', () => {
    const yaml = `
static_resources:
  secrets:
  - name: s
    tls_certificate:
      certificate_chain: {inline_string: public}
      private_key: {inline_string: hidden}
      password: {inline_bytes: aGlkZGVu}
  - name: g
    generic_secret: {secret: {filename: /hidden}}
`;
    const json = JSON.stringify(rendered(yaml));
    expect(json).not.toContain('hidden');
    expect(json).not.toContain('aGlkZGVu');
    expect(json).toContain('"certificate_chain":{"inline_string":"public"}');
    expect(json).toContain('"private_key":{"inline_string":"[redacted]"}');
  });
});
