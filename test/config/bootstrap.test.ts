import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageType } from '../../src/config/api-registry.ts';
import { loadBootstrap } from '../../src/config/bootstrap.ts';
import { formatProblem, sortProblems } from '../../src/config/problem.ts';
import { withCluster } from './support.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'outrider-config-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string, text: string | Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

function problems(path: string, yamlOverlay?: string): string[] {
  return loadBootstrap({ path, yamlOverlay }).problems.map((p) => formatProblem(p).replace(`${dir}/`, ''));
}

describe('places of problems', () => {
  const BLOCK = `static_resources:
  clusters:
  - name: one
    connect_timeout: 1s
  - name: two
    lb_polcy: RANDOM
    connect_timeout: 5
admin:
  address:
    socket_address:
      address: 127.0.0.1
      port_value: 99999
`;

  test('FILE:LINE:COL, path, message, hint, in the order of the file', () => {
    expect(problems(file('a.yaml', BLOCK))).toEqual([
      'a.yaml:6:5: static_resources.clusters[1].lb_polcy: unknown field; did you mean "lb_policy"?',
      'a.yaml:7:5: static_resources.clusters[1].connect_timeout: expected a duration such as "1.5s", got 5',
      'a.yaml:12:7: admin.address.socket_address.port_value: must be at most 65535',
    ]);
  });

  test('JSON has places too', () => {
    expect(problems(file('a.json', '{\n "static_resources": {\n  "clusters": [\n   {"nam": "x"}\n  ]\n }\n}\n'))).toEqual([
      'a.json:4:5: static_resources.clusters[0].nam: unknown field; did you mean "name"?',
    ]);
  });

  test('of a file that is not there', () => {
    expect(problems(join(dir, 'none.yaml'))[0]).toMatch(/^none\.yaml: cannot read: ENOENT/);
  });

  test('of text that is no YAML: only that', () => {
    expect(problems(file('b.yaml', 'a: [1\nb: 2'))[0]).toMatch(/^b\.yaml:2:1: not valid YAML: /);
  });

  test('compilers report through the context', () => {
    const path = file(
      'c.yaml',
      'static_resources:\n  clusters:\n  - name: x\n    connect_timeout: 1s\n    metadata: {filter_metadata: {"a b": {}}}\n',
    );
    const { context } = loadBootstrap({ path });
    const at = context.field('static_resources').field('clusters', 0);
    at.field('connect_timeout').warn('is short');
    at.field('metadata').key('filter_metadata', 'a b').error('is odd');
    at.unsupported('lb_policy');
    expect(sortProblems(context.list.problems).map((p) => formatProblem(p).replace(`${dir}/`, ''))).toEqual([
      'c.yaml:3:5: static_resources.clusters[0].lb_policy: not supported by Outrider yet',
      'c.yaml:4:5: warning: static_resources.clusters[0].connect_timeout: is short',
      'c.yaml:5:34: static_resources.clusters[0].metadata.filter_metadata["a b"]: is odd',
    ]);
  });
});

describe('--config-yaml over a file', () => {
  const base =
    'node: {id: a, cluster: b}\nstatic_resources:\n  clusters:\n  - {name: one, connect_timeout: 1s}\nadmin: {profile_path: /x}\n';

  test('scalars replace, messages merge, lists are appended', () => {
    const overlay = 'node: {id: z}\nstatic_resources: {clusters: [{name: two}]}\nadmin: {address: {pipe: {path: /p}}}\n';
    const { bootstrap } = loadBootstrap({ path: file('d.yaml', base), yamlOverlay: overlay });
    expect(bootstrap).toMatchObject({
      node: { id: 'z', cluster: 'b' },
      staticResources: { clusters: [{ name: 'one' }, { name: 'two' }] },
      admin: { profilePath: '/x', address: { address: { case: 'pipe' } } },
    });
  });

  test('a problem of the merged message is placed in the text that it came from', () => {
    const overlay = 'static_resources:\n  clusters:\n  - {name: ""}\n  - {name: x, lb_policy: 9}\n';
    expect(problems(file('e.yaml', base.replace('name: one', 'name: ""')), overlay)).toEqual([
      '--config-yaml:3:6: static_resources.clusters[1].name: must not be empty',
      '--config-yaml:4:15: static_resources.clusters[2].lb_policy: 9 is not a value of envoy.config.cluster.v3.Cluster.LbPolicy',
      'e.yaml:4:6: static_resources.clusters[0].name: must not be empty',
    ]);
  });

  test('alone', () => {
    expect(loadBootstrap({ yamlOverlay: base }).bootstrap?.node?.id).toBe('a');
    expect(loadBootstrap({}).problems[0]?.message).toBe('no configuration: neither a path nor a text is given');
  });
});

describe('binary bootstraps', () => {
  test('load', () => {
    const text = loadBootstrap({ yamlOverlay: withCluster(', lb_policy: RANDOM') }).bootstrap!;
    const path = file('a.pb', toBinary(messageType('envoy.config.bootstrap.v3.Bootstrap'), text));
    const { bootstrap, problems: none } = loadBootstrap({ path });
    expect(none).toEqual([]);
    expect(bootstrap).toEqual(text);
  });

  test('are checked as text is, without lines', () => {
    // static_resources { clusters { } } and field 1000 of Bootstrap.
    const path = file('b.pb', Buffer.from([0x12, 0x02, 0x12, 0x00, 0xc2, 0x3e, 0x00]));
    expect(problems(path)).toEqual(['b.pb: unknown field number 1000', 'b.pb: static_resources.clusters[0].name: must not be empty']);
  });

  test('that are none', () => {
    expect(problems(file('c.pb', 'static_resources: {}'))[0]).toMatch(/^c\.pb: not a binary envoy\.config\.bootstrap\.v3\.Bootstrap: /);
  });
});
