/** Batches to an access-log service: when they leave, what is dropped, and what a new stream begins with. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { LogServiceCall, LogServiceClient } from '../../src/access-log/service-client.ts';
import { ServiceLogs } from '../../src/access-log/service-loggers.ts';
import type { GrpcSink } from '../../src/access-log/settings.ts';
import { NO_ENVIRONMENT, redacting } from '../../src/http/format/operator.ts';
import { RequestHeaders } from '../../src/http/header-map.ts';
import { type ConnectionInfo, StreamInfo } from '../../src/http/stream-info.ts';
import { ipAddress } from '../../src/net/address.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { messages, parse, text } from '../support/otlp-reader.ts';
import { PlainStats } from '../support/plain-stats.ts';

class FakeCall implements LogServiceCall {
  readonly sent: Buffer[] = [];
  backedUp = false;
  ended = false;
  readonly end: (status: number) => void;
  constructor(end: (status: number) => void) {
    this.end = end;
  }
  send(message: Uint8Array): void {
    this.sent.push(Buffer.from(message));
  }
  endRequest(): void {
    this.ended = true;
  }
}

let clock: SimulatedClock;
let stats: PlainStats;
let calls: FakeCall[];
let known: boolean;
let logs: ServiceLogs;

const sink = (more: Partial<GrpcSink['stream']> = {}): GrpcSink => ({
  kind: 'grpc',
  stream: {
    entries: 'http',
    logName: 'main',
    service: { cluster: 'logs', authority: 'logs', timeoutMs: 0, headers: [] },
    retry: null,
    flushIntervalMs: 1000,
    bufferBytes: 400,
    ...more,
  },
  filterStateObjects: [],
  customTags: [],
  requestHeaders: [],
  responseHeaders: [],
  responseTrailers: [],
});

function request(path: string): StreamInfo {
  const address = ipAddress('127.0.0.1', 1);
  const connection = { remoteAddress: address, localAddress: address, directRemoteAddress: address, tls: null } as ConnectionInfo;
  const info = new StreamInfo(connection, clock.nowMs(), clock.wallMs(), 1);
  info.requestHeaders = new RequestHeaders('GET', path, 'h', 'http');
  info.endMs = clock.nowMs();
  return info;
}

/** Log name, if told, and the paths of the entries of a message. */
function shown(message: Buffer): string {
  const fields = parse(message);
  const name = messages(fields, 1).map((identifier) => `${text(identifier, 2)}:${text(identifier, 1)} `);
  const entries = messages(fields, 2).flatMap((list) => messages(list, 1));
  return name.join('') + entries.map((entry) => text(messages(entry, 3)[0]!, 5)).join(' ');
}

const sent = (call = 0): string[] => calls[call]?.sent.map(shown) ?? [];
const count = (name: string): number => stats.value(`access_logs.grpc_access_log.${name}`);

beforeEach(() => {
  clock = new SimulatedClock();
  stats = new PlainStats();
  calls = [];
  known = true;
  const client: LogServiceClient = {
    active: 0,
    openGrpc: (_cluster, _headers, _timeout, listener) => {
      if (!known) return null;
      const call = new FakeCall((status) => listener.onGrpcEnd(status));
      calls.push(call);
      return call;
    },
    post: () => false,
  };
  logs = new ServiceLogs({
    ...{ clock, rootScope: stats, format: NO_ENVIRONMENT, client, node: Buffer.from('NODE') },
    localInfo: { nodeId: '', clusterName: '', zone: '' },
  });
});

describe('batches', () => {
  test('leave when they are large enough, or old enough', () => {
    const logger = logs.logger(sink(), null);
    logger.log(request('/1'), 'DownstreamEnd');
    expect(sent()).toEqual([]);
    clock.advance(1010);
    expect(sent()).toEqual(['main:NODE /1']);
    for (const path of ['/2', '/3', '/4', '/5', '/6']) logger.log(request(path), 'DownstreamEnd');
    expect(sent()[1]).toMatch(/^\/2 \/3/);
    clock.advance(1010);
    expect(sent().join(' ')).toBe('main:NODE /1 /2 /3 /4 /5 /6');
    expect([count('logs_written'), count('logs_dropped'), count('grpc_entries_flushed')]).toEqual([6, 0, 6]);
  });

  test('of one entry each without a buffer', () => {
    const logger = logs.logger(sink({ bufferBytes: 0 }), null);
    logger.log(request('/1'), 'DownstreamEnd');
    logger.log(request('/2'), 'DownstreamEnd');
    expect(sent()).toEqual(['main:NODE /1', '/2']);
  });

  test('logs that are configured alike share a stream', () => {
    logs.logger(sink({ bufferBytes: 0 }), null).log(request('/1'), 'DownstreamEnd');
    logs.logger(sink({ bufferBytes: 0 }), null).log(request('/2'), 'DownstreamEnd');
    logs.logger(sink({ bufferBytes: 0, logName: 'other' }), null).log(request('/3'), 'DownstreamEnd');
    expect([sent(0), sent(1)]).toEqual([['main:NODE /1', '/2'], ['other:NODE /3']]);
  });

  test('leave at shutdown, and the stream ends', () => {
    logs.logger(sink(), null).log(request('/1'), 'DownstreamEnd');
    logs.close();
    expect(sent()).toEqual(['main:NODE /1']);
    expect(calls[0]!.ended).toBe(true);
  });
});

describe('streams', () => {
  test('that have ended are opened again, and say again who logs', () => {
    const logger = logs.logger(sink({ bufferBytes: 0 }), null);
    logger.log(request('/1'), 'DownstreamEnd');
    calls[0]!.end(14);
    logger.log(request('/2'), 'DownstreamEnd');
    expect([sent(0), sent(1)]).toEqual([['main:NODE /1'], ['main:NODE /2']]);
  });

  test('without a cluster entries are lost, and nothing gathers', () => {
    known = false;
    const logger = logs.logger(sink({ bufferBytes: 0 }), null);
    logger.log(request('/1'), 'DownstreamEnd');
    known = true;
    logger.log(request('/2'), 'DownstreamEnd');
    expect(sent()).toEqual(['main:NODE /2']);
  });

  test('that are backed up: the buffer fills, then entries are dropped and counted', () => {
    const logger = logs.logger(sink({ bufferBytes: 300 }), null);
    logger.log(request('/first'), 'DownstreamEnd');
    clock.advance(1010);
    calls[0]!.backedUp = true;
    for (let i = 0; i < 20; i++) logger.log(request(`/${i}`), 'DownstreamEnd');
    expect(sent().length).toBe(1);
    const dropped = count('logs_dropped');
    expect(dropped).toBeGreaterThan(10);
    calls[0]!.backedUp = false;
    clock.advance(1010);
    expect(sent()[1]!.split(' ').length).toBe(20 - dropped);
    expect(count('logs_written') + dropped).toBe(21);
  });

  test('that nobody uses for long are closed, and opened when they are used again', () => {
    const logger = logs.logger(sink({ bufferBytes: 0 }), null);
    logger.log(request('/1'), 'DownstreamEnd');
    clock.advance(700_000);
    expect(calls[0]!.ended).toBe(true);
    logger.log(request('/2'), 'DownstreamEnd');
    // The end of the old stream comes late.
    calls[0]!.end(0);
    logger.log(request('/3'), 'DownstreamEnd');
    expect(sent(1)).toEqual(['main:NODE /2', '/3']);
  });
});

test('headers that are not to be seen are told to nobody', () => {
  const client: LogServiceClient = { active: 0, openGrpc: (_cluster, _headers, _timeout, listener) => open(listener), post: () => false };
  const open = (listener: { onGrpcEnd(status: number): void }): FakeCall => {
    const call = new FakeCall((status) => listener.onGrpcEnd(status));
    calls.push(call);
    return call;
  };
  const hiding = new ServiceLogs({
    ...{ clock, rootScope: stats, format: redacting(NO_ENVIRONMENT, ['authorization', 'referer']), client, node: Buffer.from('NODE') },
    localInfo: { nodeId: '', clusterName: '', zone: '' },
  });
  const info = request('/');
  for (const [name, value] of [
    ['authorization', 'token'],
    ['referer', 'http://secret.test/'],
    ['x-open', 'open'],
  ] as const)
    info.requestHeaders!.add(name, value);
  hiding.logger({ ...sink({ bufferBytes: 0 }), requestHeaders: ['authorization', 'x-open', 'x-none'] }, null).log(info, 'DownstreamEnd');
  const message = calls[0]!.sent[0]!;
  expect(message.toString('latin1')).not.toMatch(/token|secret/);
  const entry = messages(messages(messages(parse(message), 2)[0]!, 1)[0]!, 3)[0]!;
  expect(text(entry, 7)).toBe('[redacted]');
  expect(messages(entry, 13).map((pair) => [text(pair, 1), text(pair, 2)])).toEqual([
    ['authorization', '[redacted]'],
    ['x-open', 'open'],
  ]);
});
