import { describe, expect, test } from 'vitest';
import type { RBAC } from '../../../src/config/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { loadMessage } from '../../../src/config/load-message.ts';
import { compileRbacFields } from '../../../src/filters/rbac/config.ts';

const API = 'type.googleapis.com/envoy';
const ACTION = `{action: {name: a, typed_config: {"@type": ${API}.config.rbac.v3.Action, name: p, action: LOG}}}`;
const on = (input: string) =>
  `{matcher_list: {matchers: [{predicate: {single_predicate: {input: {name: i, typed_config: {"@type": ${API}.${input}}}, value_match: {exact: a}}}, on_match: ${ACTION}}]}}`;
const SOURCE_TYPE = 'extensions.matching.common_inputs.network.v3.SourceTypeInput';
const HEADER = 'type.matcher.v3.HttpRequestHeaderMatchInput, header_name: X-A';

function compile(fields: string, of: 'requests' | 'connections' = 'requests') {
  const loaded = loadMessage<RBAC>('envoy.extensions.filters.http.rbac.v3.RBAC', { yamlOverlay: `{${fields}}` });
  const settings = compileRbacFields(loaded.partial!, of, loaded.context);
  return { settings, problems: loaded.context.list.problems.map((p) => `${p.path}: ${p.message}`) };
}

describe('a match tree of the rbac filters', () => {
  test('takes the place of rules, its actions named by numbers', () => {
    const { settings, problems } = compile(`matcher: ${on(HEADER)}, rules: {}`);
    expect(settings.rules).toEqual({
      tree: {
        kind: 'list',
        entries: [
          {
            predicate: {
              kind: 'value',
              input: { kind: 'request_header', name: 'x-a' },
              value: { kind: 'exact', value: 'a', ignoreCase: false },
            },
            onMatch: { action: 0 },
          },
        ],
        onNoMatch: null,
      },
      actions: [{ name: 'p', action: 'LOG' }],
    });
    expect(problems).toEqual([expect.stringContaining('rules and matcher are both set: only matcher has an effect')]);
  });

  test('looks only at what Envoy lets it look at', () => {
    expect(compile(`matcher: ${on(SOURCE_TYPE)}`).problems.join()).toContain(`RBAC HTTP filter cannot match on '${API}.${SOURCE_TYPE}'`);
    expect(compile(`shadow_matcher: ${on(HEADER)}`, 'connections').problems.join()).toContain(
      `shadow_matcher.matcher_list.matchers[0].predicate.single_predicate.input.typed_config: RBAC network filter cannot match '${API}.type.matcher.v3.HttpRequestHeaderMatchInput'`,
    );
  });

  test('refuses what is no address range', () => {
    const range = (text: string) =>
      `{matcher_tree: {input: {name: i, typed_config: {"@type": ${API}.extensions.matching.common_inputs.network.v3.SourceIPInput}}, custom_match: {name: c, typed_config: {"@type": type.googleapis.com/xds.type.matcher.v3.IPMatcher, range_matchers: [{ranges: [{address_prefix: ${text}, prefix_len: 8}], on_match: ${ACTION}}]}}}}`;
    expect(compile(`matcher: ${range('10.0.0.0')}`).problems).toEqual([]);
    expect(compile(`matcher: ${range('ten')}`).problems.join()).toContain('malformed IP address: ten');
  });
});
