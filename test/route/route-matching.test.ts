import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/runtime/random.ts';
import { destination, request, routesOnly, routeTable, streamInfo } from '../support/route-rig.ts';

/** Whether a request meets `match` (YAML flow text). */
function meets(match: string, line: string, ...headers: string[]): boolean {
  const table = routeTable(routesOnly(`- {match: ${match}, direct_response: {status: 200}}`));
  return destination(table, request(line, ...headers)) === '200';
}

describe('path', () => {
  test.each([
    ['{prefix: /}', '/any', true],
    ['{prefix: /api}', '/api', true],
    ['{prefix: /api}', '/apix/y', true],
    ['{prefix: /api}', '/API', false],
    ['{prefix: /API, case_sensitive: false}', '/api/x', true],
    ['{prefix: /a?b}', '/a?b', false],
    ['{path: /a}', '/a', true],
    ['{path: /a}', '/a?x=1', true],
    ['{path: /a}', '/a#frag', true],
    ['{path: /a}', '/a/', false],
    ['{path: /A, case_sensitive: false}', '/a', true],
    ['{safe_regex: {regex: "/a.*"}}', '/abc', true],
    ['{safe_regex: {regex: "/a.*"}}', '/b/a', false],
    ['{safe_regex: {regex: "/a"}}', '/ab', false],
    ['{safe_regex: {regex: "/a"}}', '/a?q', true],
    ['{safe_regex: {regex: "/A"}, case_sensitive: false}', '/a', false],
    ['{safe_regex: {regex: "(?i)/A"}}', '/a', true],
    ['{safe_regex: {regex: "/a|/b"}}', '/b', true],
    ['{safe_regex: {regex: "/ab?"}}', '/a', true],
    ['{path_separated_prefix: /a}', '/a', true],
    ['{path_separated_prefix: /a}', '/a/b', true],
    ['{path_separated_prefix: /a}', '/a?x', true],
    ['{path_separated_prefix: /a}', '/ab', false],
    ['{path_separated_prefix: /A, case_sensitive: false}', '/a/b', true],
    [template('/v/*/x'), '/v/1/x', true],
    [template('/v/*/x'), '/v/1/2/x', false],
    [template('/v/{a}/**'), '/v/1/2/x', true],
    [template('/v/{a=x/*}/y'), '/v/x/7/y', true],
    [template('/v/{a=x/*}/y'), '/v/z/7/y', false],
  ])('%s and %s: %s', (match, path, expected) => {
    expect(meets(match, `GET http://a${path}`)).toBe(expected);
  });

  test('parameters are left out where they are to be ignored', () => {
    const table = routeTable(
      routesOnly(
        '- {match: {path: /a}, direct_response: {status: 200}}\n- {match: {path: /b/c/}, direct_response: {status: 201}}',
        'ignore_path_parameters_in_path_matching: true\n',
      ),
    );
    expect(destination(table, request('GET http://a/a;v=1?x'))).toBe('200');
    expect(destination(table, request('GET http://a/b;v=1;w/c;x/'))).toBe('201');
    expect(destination(table, request('GET http://a/b/c/;v?/d'))).toBe('201');
  });

  test('CONNECT meets connect_matcher alone', () => {
    const table = routeTable(
      routesOnly(
        '- {match: {prefix: /}, direct_response: {status: 200}}\n- {match: {connect_matcher: {}}, direct_response: {status: 201}}',
      ),
    );
    expect(destination(table, request('CONNECT http://a'))).toBe('201');
    expect(destination(table, request('GET http://a/'))).toBe('200');
  });
});

function template(text: string): string {
  const type = 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';
  return `{path_match_policy: {name: t, typed_config: {"@type": ${type}, path_template: "${text}"}}}`;
}

describe('headers', () => {
  test.each([
    // Seen on Envoy 1.40.
    ['{name: x, string_match: {exact: "2"}}', ['x: 1', 'x: 2'], true],
    ['{name: x, string_match: {exact: "2"}, invert_match: true}', ['x: 1', 'x: 2'], false],
    ['{name: x, string_match: {exact: "3"}, invert_match: true}', ['x: 1', 'x: 2'], true],
    ['{name: x, string_match: {exact: "1,2"}}', ['x: 1', 'x: 2'], false],
    ['{name: x, string_match: {exact: "1,2"}}', ['x: 1,2'], true],
    ['{name: x, string_match: {exact: "3"}, invert_match: true}', [], false],
    ['{name: x, string_match: {exact: ""}, treat_missing_header_as_empty: true}', [], true],
    ['{name: x, present_match: true}', ['x: '], true],
    ['{name: x, present_match: true}', [], false],
    ['{name: x, present_match: true, invert_match: true}', [], true],
    ['{name: x, present_match: false}', [], true],
    ['{name: x, present_match: false, invert_match: true}', [], false],
    ['{name: x, present_match: true, treat_missing_header_as_empty: true}', [], true],
    ['{name: x, present_match: false, treat_missing_header_as_empty: true}', [], false],
    ['{name: x}', ['x: 5'], true],
    ['{name: x, range_match: {start: 1, end: 5}}', ['x: +3'], true],
    ['{name: x, range_match: {start: 1, end: 5}}', ['x: 5'], false],
    ['{name: x, range_match: {start: 1, end: 5}}', ['x: 3.0'], false],
    ['{name: x, range_match: {start: 1, end: 5}}', ['x: 0x3'], false],
    ['{name: x, range_match: {start: -1, end: 5}}', ['x: -1'], true],
    ['{name: x, range_match: {start: 1, end: 5}}', ['x: 9', 'x: 1'], true],
    ['{name: x, exact_match: ""}', ['x: 5'], true],
    ['{name: x, exact_match: ""}', [], false],
    ['{name: x, prefix_match: a}', ['x: ab'], true],
    ['{name: x, suffix_match: b}', ['x: ab'], true],
    ['{name: x, contains_match: b}', ['x: abc'], true],
    ['{name: x, safe_regex_match: {regex: "a."}}', ['x: abc'], false],
    ['{name: x, string_match: {safe_regex: {regex: "a."}}}', ['x: ab'], true],
    ['{name: x, string_match: {safe_regex: {regex: "a."}}}', ['x: a\u00c3\u00a9'], false],
    ['{name: x, string_match: {exact: A, ignore_case: true}}', ['x: a'], true],
    ['{name: x, string_match: {contains: B, ignore_case: true}}', ['x: abc'], true],
    ['{name: x, string_match: {exact: "é"}}', ['x: \u00c3\u00a9'], true],
    ['{name: X-Upper, present_match: true}', ['x-upper: 1'], true],
    ['{name: ":method", string_match: {exact: GET}}', [], true],
    ['{name: ":scheme", string_match: {exact: http}}', [], true],
    ['{name: ":authority", string_match: {exact: a}}', [], true],
    ['{name: host, string_match: {exact: a}}', [], true],
    ['{name: ":path", string_match: {exact: "/p?q"}}', [], true],
  ])('%s with %j: %s', (header, lines, expected) => {
    expect(meets(`{prefix: /, headers: [${header}]}`, 'GET http://a/p?q', ...lines)).toBe(expected);
  });

  test('all of them have to match', () => {
    const match = '{prefix: /, headers: [{name: x}, {name: z}]}';
    expect(meets(match, 'GET http://a/', 'x: 1')).toBe(false);
    expect(meets(match, 'GET http://a/', 'x: 1', 'z: 1')).toBe(true);
  });
});

describe('other criteria', () => {
  test.each([
    ['query_parameters: [{name: a, string_match: {exact: "1"}}]', '/?b=2&a=1', true],
    ['query_parameters: [{name: a, string_match: {exact: "1"}}]', '/?a=2&a=1', false],
    ['query_parameters: [{name: a, string_match: {exact: "%31"}}]', '/?a=%31', true],
    ['query_parameters: [{name: a, string_match: {exact: "1"}}]', '/?aa=1', false],
    ['query_parameters: [{name: a, string_match: {exact: ""}}]', '/?a', true],
    ['query_parameters: [{name: a}]', '/?a', true],
    ['query_parameters: [{name: a}]', '/', false],
    ['query_parameters: [{name: a, present_match: false}]', '/?b', true],
    ['query_parameters: [{name: a, present_match: true}]', '/?b#a', false],
  ])('%s and %s: %s', (criterion, path, expected) => {
    expect(meets(`{prefix: /, ${criterion}}`, `GET http://a${path}`)).toBe(expected);
  });

  test.each([
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc-web', false],
    ['text/plain', false],
  ])('grpc with %s: %s', (type, expected) => {
    expect(meets('{prefix: /, grpc: {}}', 'POST http://a/', `content-type: ${type}`)).toBe(expected);
  });

  test.each([
    ['{numerator: 50, denominator: HUNDRED}', 49, {}, true],
    ['{numerator: 50, denominator: HUNDRED}', 50, {}, false],
    ['{numerator: 50, denominator: HUNDRED}', 149, {}, true],
    ['{numerator: 1, denominator: MILLION}', 0, {}, true],
    ['{numerator: 1, denominator: MILLION}', 1, {}, false],
    ['{numerator: 200, denominator: HUNDRED}', 99, {}, true],
    ['{numerator: 0, denominator: HUNDRED}', 0, {}, false],
    ['{numerator: 0, denominator: HUNDRED}', 29, { key: '30' }, true],
    ['{numerator: 100, denominator: HUNDRED}', 30, { key: '30' }, false],
  ])('runtime_fraction %s, random %d, runtime %j: %s', (value, random, runtime, expected) => {
    const match = `{prefix: /, runtime_fraction: {default_value: ${value}, runtime_key: key}}`;
    const table = routeTable(routesOnly(`- {match: ${match}, direct_response: {status: 200}}`), runtime);
    expect(destination(table, request('GET http://a/'), random) === '200').toBe(expected);
  });

  test.each([
    ['presented: false', true],
    ['presented: true', false],
    ['validated: true', false],
    ['validated: false', true],
  ])('tls_context {%s} on plain text: %s', (tls, expected) => {
    expect(meets(`{prefix: /, tls_context: {${tls}}}`, 'GET http://a/')).toBe(expected);
  });

  test('dynamic metadata and filter state, as a filter has set them', () => {
    const match =
      '{prefix: /, dynamic_metadata: [{filter: f, path: [{key: a}, {key: b}], value: {string_match: {exact: x}}}], filter_state: [{key: s, string_match: {prefix: p}}]}';
    const table = routeTable(routesOnly(`- {match: ${match}, direct_response: {status: 200}}`));
    const headers = request('GET http://a/');
    const info = streamInfo(headers);
    expect(table.match(headers, info, 0)).toBeNull();
    info.dynamicMetadata = new Map([['f', { a: { b: 'x' } }]]);
    info.filterState = new Map([['s', 'pq']]);
    expect(table.match(headers, info, 0)?.direct?.status).toBe(200);
  });
});

describe('order', () => {
  test('the first route that matches wins, however it is written', () => {
    const table = routeTable(
      routesOnly(
        [
          '- {match: {path: /a, headers: [{name: x}]}, direct_response: {status: 201}}',
          '- {match: {safe_regex: {regex: "/a/[0-9]+"}}, direct_response: {status: 202}}',
          '- {match: {prefix: /a/}, direct_response: {status: 203}}',
          '- {match: {path: /a/b}, direct_response: {status: 204}}',
          '- {match: {prefix: /A, case_sensitive: false}, direct_response: {status: 205}}',
          '- {match: {prefix: /a}, direct_response: {status: 206}}',
          '- {match: {prefix: /}, direct_response: {status: 207}}',
        ].join('\n'),
      ),
    );
    const at = (path: string, ...headers: string[]) => destination(table, request(`GET http://h${path}`, ...headers));
    expect([at('/a', 'x: 1'), at('/a'), at('/a/1'), at('/a/b'), at('/ab'), at('/b')]).toEqual(['201', '205', '202', '203', '205', '207']);
  });

  // Few lengths of prefixes and many are looked up in different ways.
  test.each([
    [3, 40],
    [14, 25],
  ])('the index finds what a walk over all routes finds: words of up to %d letters', (longest, rounds) => {
    const kinds = ['path', 'prefix', 'path_separated_prefix', 'regex'] as const;
    const random = seededRandom(7);
    const words = Array.from({ length: 24 }, () =>
      Array.from({ length: random.below(longest + 1) }, () => 'aab/'[random.below(4)]).join(''),
    );
    for (let round = 0; round < rounds; round++) {
      const routes = Array.from({ length: 16 }, (_, i) => {
        const kind = kinds[random.below(kinds.length)]!;
        const word = '/' + words[random.below(words.length)]!;
        const value = kind === 'path_separated_prefix' && word.endsWith('/') ? '/a' : word;
        const path = kind === 'regex' ? `safe_regex: {regex: "${value}.*"}` : `${kind}: "${value}"`;
        const header = random.below(3) === 0 ? ', headers: [{name: x}]' : '';
        const cased = kind !== 'regex' && random.below(6) === 0 ? ', case_sensitive: false' : '';
        return `- {match: {${path}${header}${cased}}, direct_response: {status: ${200 + i}}}`;
      });
      const table = routeTable(routesOnly(routes.join('\n')));
      const alone = routes.map((route) => routeTable(routesOnly(route)));
      for (const word of words) {
        for (const extra of ['', 'x', '/x']) {
          const headers = request(`GET http://h/${word}${extra}`, ...(random.below(2) === 0 ? ['x: 1'] : []));
          const first = alone.map((one) => destination(one, headers)).find((where) => where !== 'none') ?? 'none';
          expect(destination(table, headers)).toBe(first);
        }
      }
    }
  });
});
