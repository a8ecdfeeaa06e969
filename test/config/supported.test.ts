import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COVERAGE_FILE, coverageText } from '../../scripts/config-coverage.ts';
import { apiRegistry } from '../../src/config/api-registry.ts';
import { Kind, messagePlan, Special } from '../../src/config/message-plan.ts';
import { isImplemented, SUPPORTED } from '../../src/config/supported.ts';
import { load, withCluster } from './support.ts';

describe('the table of implemented fields', () => {
  test('names only messages and fields that the API has', () => {
    const wrong: string[] = [];
    for (const [typeName, support] of SUPPORTED) {
      const desc = apiRegistry().getMessage(typeName);
      if (desc === undefined) wrong.push(typeName);
      const names = new Set(desc?.fields.map((f) => f.name));
      for (const n of [...(support.implemented ?? []), ...support.ignored]) if (!names.has(n)) wrong.push(`${typeName}.${n}`);
      for (const n of support.ignored) if (support.implemented?.has(n)) wrong.push(`${typeName}.${n} is both`);
    }
    expect(wrong).toEqual([]);
  });

  test('lists the message of every implemented field, so that nothing inside is dropped silently', () => {
    const missing: string[] = [];
    for (const [typeName, support] of SUPPORTED) {
      for (const field of messagePlan(apiRegistry().getMessage(typeName)!).fields) {
        if (!isImplemented(support, field.name) || support.ignored.has(field.name) || field.kind !== Kind.Message) continue;
        const inner = field.message;
        if (inner.special === Special.None && !SUPPORTED.has(inner.typeName)) missing.push(`${typeName}.${field.name}: ${inner.typeName}`);
      }
    }
    expect(missing).toEqual([]);
  });

  test('docs/config-coverage.md is current (node scripts/config-coverage.ts writes it)', () => {
    expect(readFileSync(COVERAGE_FILE, 'utf8')).toBe(coverageText());
  });
});

describe('what is set and not implemented', () => {
  const MATCHER = ', filters: [{name: x}]';
  const path = 'static_resources.clusters[0].filters: not supported by Outrider yet';

  test('is an error with its path', () => {
    const { bootstrap, problems } = load(withCluster(MATCHER));
    expect(bootstrap).toBeNull();
    expect(problems).toEqual([`E ${path}`]);
  });

  test('is a warning on request', () => {
    const { bootstrap, problems } = load(withCluster(MATCHER), { allowUnsupported: true });
    expect(bootstrap).not.toBeNull();
    expect(problems).toEqual([`W ${path}`]);
  });

  test('is not reported at its default', () => {
    expect(load(withCluster(', connection_pool_per_downstream_connection: false, health_checks: []')).problems).toEqual([]);
  });

  test('is fine if it cannot change behaviour', () => {
    expect(load(`${withCluster('')}enable_dispatcher_stats: true\n`).problems).toEqual([]);
  });

  test('is reported inside typed configuration', () => {
    const any =
      '{"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, auto_config: {http3_protocol_options: {}}}';
    const key = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
    expect(load(withCluster(`, typed_extension_protocol_options: {${key}: ${any}}`)).problems).toEqual([
      `E static_resources.clusters[0].typed_extension_protocol_options["${key}"].auto_config.http3_protocol_options: not supported by Outrider yet`,
    ]);
  });

  test('is named if it is an extension', () => {
    const alts = '{"@type": type.googleapis.com/envoy.extensions.transport_sockets.alts.v3.Alts, handshaker_service: x}';
    expect(load(withCluster(`, transport_socket: {name: x, typed_config: ${alts}}`)).problems).toEqual([
      'E static_resources.clusters[0].transport_socket.typed_config: extension envoy.extensions.transport_sockets.alts.v3.Alts is not supported by Outrider yet',
    ]);
  });
});
