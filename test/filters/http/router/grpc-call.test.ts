/** Calls that the proxy makes itself and keeps open. */
import { expect, test } from 'vitest';
import { AsyncClient } from '../../../../src/filters/http/router/async-client.ts';
import { grpcFrame } from '../../../../src/http/grpc-frames.ts';
import { grpcRequestHeaders, type StreamRetrySettings } from '../../../../src/http/grpc-service.ts';
import { HeaderMap } from '../../../../src/http/header-map.ts';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { RouterRig } from '../../../support/router-rig.ts';

const SERVICE = { cluster: 'a', authority: 'logs.test', timeoutMs: 0, headers: [['x-key', 'v']] } as const;

function open(rig: RouterRig, retry: StreamRetrySettings | null = null) {
  const client = new AsyncClient(rig.deps);
  const heard: string[] = [];
  const listener = {
    onGrpcMessage: (message: Buffer) => void heard.push(`message ${message.toString()}`),
    onGrpcEnd: (status: number) => void heard.push(`end ${status}`),
  };
  const call = client.openGrpc('a', grpcRequestHeaders(SERVICE, '/s.S/M', 0), 0, listener, retry);
  return { client, call, heard };
}

test('messages go out as they come, and answers come back', () => {
  const rig = new RouterRig();
  const { client, call, heard } = open(rig);
  expect(client.active).toBe(1);
  expect(rig.attempt(1).headers).toMatchObject({
    ...{ ':path': '/s.S/M', ':authority': 'logs.test', te: 'trailers', 'content-type': 'application/grpc' },
    ...{ 'x-key': 'v', 'x-forwarded-for': '10.9.9.9' },
  });
  call!.send(Buffer.from('one'));
  call!.send(Buffer.from('two'));
  expect(rig.attempt(1).data).toEqual(['\0\0\0\0\x03one', '\0\0\0\0\x03two']);
  rig.attempt(1).respond(200, { 'content-type': 'application/grpc' }, false);
  rig.attempt(1).client.onResponseData(grpcFrame(Buffer.from('thanks')), false);
  const trailers = new HeaderMap();
  trailers.add('grpc-status', '14');
  rig.attempt(1).client.onResponseTrailers(trailers);
  expect(heard).toEqual(['message thanks', 'end 14']);
  expect(client.active).toBe(0);
  // What comes after the end goes nowhere.
  call!.send(Buffer.from('late'));
  expect(rig.attempt(1).data.length).toBe(2);
});

test('a call that finds no host is none', () => {
  const { client, call, heard } = open(new RouterRig({ noHosts: true }));
  expect([call, heard, client.active]).toEqual([null, [], 0]);
  expect(open(new RouterRig({ unknownCluster: true })).call).toBeNull();
});

test('without a connection it is backed up after a megabyte, and goes on when there is one', () => {
  const rig = new RouterRig({ pool: 'wait' });
  const { call } = open(rig);
  call!.send(Buffer.alloc(1024 * 1024 - 10));
  expect(call!.backedUp).toBe(false);
  call!.send(Buffer.from('more'));
  expect(call!.backedUp).toBe(true);
  rig.attempt(1).ready();
  expect(call!.backedUp).toBe(false);
  expect(rig.attempt(1).data.length).toBe(2);
});

test('a connection that breaks ends it', () => {
  const rig = new RouterRig();
  const { client, heard } = open(rig);
  rig.attempt(1).respond(200, {}, false);
  rig.attempt(1).drop(ResetReason.ConnectionTermination);
  expect(heard).toEqual(['end -1']);
  expect(client.active).toBe(0);
});

test('whoever cancels it hears nothing more', () => {
  const rig = new RouterRig();
  const { client, call, heard } = open(rig);
  call!.cancel();
  expect(rig.attempt(1).resetBy).not.toBeNull();
  expect([heard, client.active]).toEqual([[], 0]);
});

test('no time limit holds for it', () => {
  const rig = new RouterRig();
  const { heard } = open(rig);
  rig.clock.advance(3_600_000);
  expect(heard).toEqual([]);
});

const RETRY = { retryOn: 'connect-failure', numRetries: 2, baseIntervalMs: 10, maxIntervalMs: 20 };

test('what has been said is said again where the call could not be opened, and it goes on', () => {
  const rig = new RouterRig({ pool: 'wait' });
  const { call, heard } = open(rig, RETRY);
  call!.send(Buffer.from('one'));
  rig.attempt(1).fail(ResetReason.RemoteConnectionFailure);
  call!.send(Buffer.from('two'));
  expect(heard).toEqual([]);
  rig.clock.advance(1000);
  rig.attempt(2).ready();
  call!.send(Buffer.from('three'));
  expect(rig.attempt(2).data).toEqual(['\0\0\0\0\x03one', '\0\0\0\0\x03two', '\0\0\0\0\x05three']);
  // Once it is open nothing is tried again.
  rig.attempt(2).respond(200, { 'content-type': 'application/grpc' }, false);
  rig.attempt(2).drop(ResetReason.ConnectionTermination);
  rig.clock.advance(1000);
  expect(heard).toEqual(['end -1']);
});

test('retries come to an end', () => {
  const rig = new RouterRig({ pool: 'wait' });
  const { client, heard } = open(rig, RETRY);
  for (let n = 1; n <= 3; n++) {
    rig.attempt(n).fail(ResetReason.RemoteConnectionFailure);
    rig.clock.advance(1000);
  }
  expect(heard).toEqual(['end -1']);
  expect(client.active).toBe(0);
});
