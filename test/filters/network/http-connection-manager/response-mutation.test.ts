import { describe, expect, test } from 'vitest';
import { ResponseMutation } from '../../../../src/filters/network/http-connection-manager/response-mutation.ts';
import type { HcmSettings } from '../../../../src/filters/network/http-connection-manager/settings.ts';
import { HttpDate } from '../../../../src/runtime/http-date.ts';
import { SimulatedClock } from '../../../../src/runtime/simulated-clock.ts';
import { HCM_SETTINGS, type HeaderLines, lines, newStreamInfo, requestHeaders, responseHeaders } from '../../../support/hcm-rig.ts';

function mutate(
  headers: HeaderLines,
  settings: Partial<HcmSettings> = {},
  request: HeaderLines | null = {},
  switching = false,
  mayUpgrade = false,
) {
  const mutation = new ResponseMutation({ ...HCM_SETTINGS, ...settings }, new HttpDate(new SimulatedClock(0)), null);
  const response = responseHeaders(200, headers);
  mutation.mutate(response, request === null ? null : requestHeaders(request), newStreamInfo(), switching, mayUpgrade);
  return lines(response);
}

test('date is added unless it is there', () => {
  expect(mutate({})['date']).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
  expect(mutate({ date: 'then' })['date']).toBe('then');
});

describe('server', () => {
  const cases: [HcmSettings['serverHeaderTransformation'], string | undefined, string | undefined][] = [
    ['OVERWRITE', 'nginx', 'edge'],
    ['OVERWRITE', undefined, 'edge'],
    ['APPEND_IF_ABSENT', 'nginx', 'nginx'],
    ['APPEND_IF_ABSENT', undefined, 'edge'],
    ['PASS_THROUGH', 'nginx', 'nginx'],
    ['PASS_THROUGH', undefined, undefined],
  ];
  for (const [serverHeaderTransformation, upstream, seen] of cases) {
    test(`${serverHeaderTransformation} with ${upstream}: ${seen}`, () => {
      const headers: HeaderLines = upstream === undefined ? {} : { server: upstream };
      expect(mutate(headers, { serverName: 'edge', serverHeaderTransformation })['server']).toBe(seen);
    });
  }
});

describe('hop-by-hop headers', () => {
  const HOP = { connection: 'Upgrade', upgrade: 'websocket', 'transfer-encoding': 'chunked', 'keep-alive': 'x', 'proxy-connection': 'x' };

  test('end here', () => {
    expect(Object.keys(mutate({ ...HOP, 'x-kept': '1' })).sort()).toEqual(['date', 'server', 'x-kept']);
  });
  test('an answer to an upgrade keeps connection and upgrade, and only these', () => {
    for (const switching of [true, false]) {
      const headers = mutate(HOP, {}, {}, switching, true);
      expect(Object.keys(headers).sort()).toEqual(['connection', 'date', 'server', 'upgrade']);
    }
  });
  test('a plain answer where an upgrade was asked for loses them', () => {
    expect(mutate({ connection: 'keep-alive', 'keep-alive': 'timeout=5' }, {}, {}, false, true)['connection']).toBe(undefined);
  });
});

test('the request id comes back on demand', () => {
  const id = { 'x-request-id': 'abc' };
  expect(mutate({}, {}, id)['x-request-id']).toBe(undefined);
  expect(mutate({}, { alwaysSetRequestIdInResponse: true }, id)['x-request-id']).toBe('abc');
  expect(mutate({}, {}, { ...id, 'x-envoy-force-trace': 'true' })['x-request-id']).toBe('abc');
  expect(mutate({ 'x-request-id': 'upstream' }, { alwaysSetRequestIdInResponse: true }, id)['x-request-id']).toBe('abc');
  expect(mutate({}, { alwaysSetRequestIdInResponse: true }, {})['x-request-id']).toBe(undefined);
  expect(mutate({}, { alwaysSetRequestIdInResponse: true }, null)['x-request-id']).toBe(undefined);
});

test('via is appended', () => {
  expect(mutate({}, { via: 'here' })['via']).toBe('here');
  expect(mutate({ via: '1.1 there' }, { via: 'here' })['via']).toBe('1.1 there, here');
});
