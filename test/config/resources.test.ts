import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anyBytes } from '../../src/config/any-message.ts';
import { checkResource, loadResourceFile } from '../../src/config/resources.ts';
import { load } from './support.ts';

const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const options = { allowUnsupported: false };

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'outrider-resources-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a file of resources', () => {
  test('good ones are good, bad ones have their reasons', () => {
    const path = join(dir, 'cds.yaml');
    writeFileSync(
      path,
      `version_info: "7"\nresources:\n- {"@type": ${CLUSTER}, name: good, connect_timeout: 1s}\n- {"@type": ${CLUSTER}, name: bad, lb_policy: 99}\n- {"@type": ${CLUSTER}s, name: none}\n`,
    );
    const { versionInfo, resources, problems } = loadResourceFile(path, options);
    expect(versionInfo).toBe('7');
    expect(problems).toEqual([]);
    expect(resources.map((r) => [r.name, r.message !== null, r.problems.map((p) => `${p.line}: ${p.path}`)])).toEqual([
      ['good', true, []],
      ['bad', false, ['4: resources[1].lb_policy']],
      ['', false, ['5: resources[2].@type']],
    ]);
    resources[0]!.context.field('connect_timeout').error('x');
    expect(resources[0]!.context.list.problems.at(-1)).toMatchObject({ path: 'resources[0].connect_timeout', line: 3 });
  });

  test('that cannot be read', () => {
    const { resources, problems } = loadResourceFile(join(dir, 'none.yaml'), options);
    expect(resources).toEqual([]);
    expect(problems[0]?.message).toMatch(/^cannot read/);
  });
});

describe('a resource from the wire', () => {
  const any = (text: string) => {
    const yaml = `static_resources: {clusters: [{name: c, typed_extension_protocol_options: {a: ${text}}}]}`;
    const held = load(yaml, { allowUnsupported: true }).bootstrap?.staticResources?.clusters[0]?.typedExtensionProtocolOptions['a'];
    return create(AnySchema, { typeUrl: held!.typeUrl, value: anyBytes(held!) });
  };

  test('is decoded, with what is packed inside it', () => {
    const inner =
      '{"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {}}}';
    const resource = checkResource(any(`{"@type": ${CLUSTER}, name: x, typed_extension_protocol_options: {k: ${inner}}}`), 'cds', options);
    expect(resource.problems).toEqual([]);
    expect(resource).toMatchObject({ name: 'x', message: { $typeName: 'envoy.config.cluster.v3.Cluster' } });
  });

  test('is checked', () => {
    const resource = checkResource(create(AnySchema, { typeUrl: CLUSTER, value: Buffer.from([0x30, 0x63]) }), 'cds', options);
    expect(resource.message).toBeNull();
    expect(resource.problems.map((p) => `${p.file}: ${p.path}: ${p.message}`)).toEqual([
      'cds: name: must not be empty',
      'cds: lb_policy: 99 is not a value of envoy.config.cluster.v3.Cluster.LbPolicy',
    ]);
  });

  test.each([
    ['type.googleapis.com/envoy.Nothing', new Uint8Array(), 'unknown type "envoy.Nothing"'],
    [CLUSTER, Buffer.from([0x0a, 0xff]), 'cannot be decoded as envoy.config.cluster.v3.Cluster'],
  ])('of type %s with bytes %j', (typeUrl, value, reason) => {
    expect(checkResource(create(AnySchema, { typeUrl, value }), 'x', options).problems[0]?.message).toContain(reason);
  });

  test('may be a TypedStruct', () => {
    const inner = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
    const wire = { '@type': 'type.googleapis.com/xds.type.v3.TypedStruct', type_url: inner, value: { suppress_envoy_headers: true } };
    // A TypedStruct in a document becomes the message that it stands for.
    expect(any(JSON.stringify(wire)).typeUrl).toBe(inner);
    expect(checkResource(any(JSON.stringify(wire)), 'x', options)).toMatchObject({ message: { suppressEnvoyHeaders: true } });
  });
});
