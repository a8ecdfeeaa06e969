import { describe, expect, test } from 'vitest';
import { makeSessionState } from '../../../../src/filters/http/stateful-session/session-state.ts';
import { RequestHeaders, ResponseHeaders } from '../../../../src/http/header-map.ts';
import { SimulatedClock } from '../../../../src/runtime/simulated-clock.ts';

const HOST = '10.0.0.7:8080';

function request(path: string, ...headers: [string, string][]): RequestHeaders {
  const made = new RequestHeaders('GET', path, 'test', 'http');
  for (const [name, value] of headers) made.add(name, value);
  return made;
}

function cookieRig(ttlSeconds: number, path = '') {
  const clock = new SimulatedClock();
  const state = makeSessionState({ kind: 'cookie', name: 'sid', ttlSeconds, path, suffix: '; HttpOnly' }, clock);
  const issue = (): string => {
    const response = new ResponseHeaders(200);
    state.write(response, HOST);
    return response.get('set-cookie')!.split(';')[0]!;
  };
  return { clock, state, issue };
}

describe('a session in a cookie', () => {
  test('what was given out is understood', () => {
    const { state, issue } = cookieRig(0);
    expect(state.read(request('/', ['cookie', issue()]))).toBe(HOST);
  });

  test('it ends with its time', () => {
    const { clock, state, issue } = cookieRig(60);
    const cookie = issue();
    clock.advance(60_000);
    expect(state.read(request('/', ['cookie', cookie]))).toBe(HOST);
    clock.advance(1000);
    expect(state.read(request('/', ['cookie', cookie]))).toBe('');
  });

  test.each([
    ['/app', HOST],
    ['/app/x', HOST],
    ['/app?x', HOST],
    ['/apple', null],
    ['/', null],
  ])('of /app, for %s', (path, expected) => {
    const { state, issue } = cookieRig(0, '/app');
    expect(state.read(request(path, ['cookie', issue()]))).toBe(expected);
  });

  test.each(['', 'AA', '////', 'Cg8xMjcu', 'not base64!'])('nonsense is no address: %j', (value) => {
    const { state } = cookieRig(0);
    expect(state.read(request('/', ['cookie', `sid=${value}`]))).not.toMatch(/\d:\d/);
  });
});

test('a session in a header replaces what the upstream said', () => {
  const state = makeSessionState({ kind: 'header', name: 'x-session' }, new SimulatedClock());
  const response = new ResponseHeaders(200);
  response.add('x-session', 'own');
  state.write(response, HOST);
  expect(response.getAll('x-session')).toEqual([Buffer.from(HOST).toString('base64')]);
  expect(state.read(request('/', ['x-session', response.get('x-session')!]))).toBe(HOST);
  expect(state.read(request('/'))).toBe('');
});
