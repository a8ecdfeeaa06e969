/** Filter iteration: what stops, what is kept, what goes on, and in which order. */
import { describe, expect, test } from 'vitest';
import { type HttpFilter, type HttpStream, PassThroughFilter, Status } from '../../src/filters/api.ts';
import { RequestSide, ResponseSide } from '../../src/filters/chain.ts';
import { HeaderMap, RequestHeaders, ResponseHeaders } from '../../src/http/header-map.ts';

class Probe extends PassThroughFilter {
  readonly #log: string[];
  readonly #answers: { headers?: Status; data?: Status[]; trailers?: Status };

  constructor(name: string, log: string[], answers: { headers?: Status; data?: Status[]; trailers?: Status } = {}) {
    super();
    this.name = name;
    this.#log = log;
    this.#answers = answers;
  }
  override onRequestHeaders(_stream: HttpStream, _headers: RequestHeaders, end: boolean): Status {
    this.#log.push(`${this.name}:headers${end ? '.' : ''}`);
    return this.#answers.headers ?? Status.Continue;
  }
  override onRequestData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    this.#log.push(`${this.name}:${chunk}${end ? '.' : ''}`);
    return this.#answers.data?.shift() ?? Status.Continue;
  }
  override onRequestTrailers(): Status {
    this.#log.push(`${this.name}:trailers`);
    return this.#answers.trailers ?? Status.Continue;
  }
  override onResponseHeaders(_stream: HttpStream, _headers: ResponseHeaders, end: boolean): Status {
    this.#log.push(`${this.name}:headers${end ? '.' : ''}`);
    return this.#answers.headers ?? Status.Continue;
  }
  override onResponseData(_stream: HttpStream, chunk: Buffer, end: boolean): Status {
    this.#log.push(`${this.name}:${chunk}${end ? '.' : ''}`);
    return this.#answers.data?.shift() ?? Status.Continue;
  }
}

function requestRig(filters: (log: string[]) => HttpFilter[], bufferLimit = 1000) {
  const log: string[] = [];
  const list = filters(log);
  const stream = { bufferLimit, ended: false } as HttpStream;
  const side = new RequestSide(stream, list, {
    onRequestTooLarge: () => {
      log.push('413');
      side.answered = true;
    },
    holdRequest: (hold) => log.push(hold ? 'hold' : 'release'),
  });
  return { log, side, filters: list };
}

const headers = new RequestHeaders('POST', '/', 'h', 'http');
const bytes = (text: string) => Buffer.from(text);

describe('request side', () => {
  test('everything passes in order', () => {
    const { log, side } = requestRig((l) => [new Probe('a', l), new Probe('b', l)]);
    side.headers(headers, false);
    side.data(bytes('x'), false);
    side.trailers(new HeaderMap());
    expect(log).toEqual(['a:headers', 'b:headers', 'a:x', 'b:x', 'a:trailers', 'b:trailers']);
  });

  test('Stop at the headers: the filter sees the body, others only once it goes on', () => {
    const { log, side, filters } = requestRig((l) => [
      new Probe('a', l, { headers: Status.Stop, data: [Status.StopAndBuffer, Status.StopAndBuffer] }),
      new Probe('b', l),
    ]);
    side.headers(headers, false);
    side.data(bytes('x'), false);
    side.data(bytes('y'), true);
    expect(log).toEqual(['a:headers', 'a:x', 'a:y.']);
    side.continue(filters[0]!);
    expect(log.slice(3)).toEqual(['b:headers', 'b:xy.']);
  });

  test('data that the stopping filter lets through takes the headers along', () => {
    const { log, side } = requestRig((l) => [new Probe('a', l, { headers: Status.Stop }), new Probe('b', l)]);
    side.headers(headers, false);
    side.data(bytes('x'), true);
    expect(log).toEqual(['a:headers', 'a:x.', 'b:headers', 'b:x.']);
  });

  test('StopAllAndWatermark: the body waits unseen, the peer is held back above the limit', () => {
    const { log, side, filters } = requestRig((l) => [new Probe('a', l, { headers: Status.StopAllAndWatermark }), new Probe('b', l)], 3);
    side.headers(headers, false);
    side.data(bytes('xy'), false);
    side.data(bytes('zw'), true);
    expect(log).toEqual(['a:headers', 'hold']);
    side.continue(filters[0]!);
    expect(log.slice(2)).toEqual(['b:headers', 'release', 'a:xyzw.', 'b:xyzw.']);
  });

  test('a buffered body over the limit is 413, and nothing more is called', () => {
    const { log, side } = requestRig(
      (l) => [new Probe('a', l, { headers: Status.Stop, data: [Status.StopAndBuffer, Status.StopAndBuffer] }), new Probe('b', l)],
      3,
    );
    side.headers(headers, false);
    side.data(bytes('xy'), false);
    side.data(bytes('zw'), true);
    expect(log).toEqual(['a:headers', 'a:xy', 'a:zw.', '413']);
  });

  test('a filter gives a request without body one', () => {
    class Giver extends PassThroughFilter {
      override onRequestHeaders(): Status {
        rig.side.inject(this, bytes('given'), true, null);
        return Status.Continue;
      }
    }
    const rig = requestRig((l) => [new Probe('a', l), new Giver(), new Probe('b', l), new Probe('c', l, { headers: Status.Stop })]);
    rig.side.headers(headers, true);
    expect(rig.log).toEqual(['a:headers.', 'b:headers', 'c:headers', 'b:given.', 'c:given.']);
  });

  test('body that a filter makes while it holds the headers follows them', () => {
    const { log, side, filters } = requestRig((l) => [new Probe('a', l, { headers: Status.Stop, data: [Status.Stop] }), new Probe('b', l)]);
    side.headers(headers, false);
    side.data(bytes('x'), true);
    side.inject(filters[0]!, bytes('one'), false, null);
    side.inject(filters[0]!, bytes('two'), true, null);
    expect(log).toEqual(['a:headers', 'a:x.']);
    side.continue(filters[0]!);
    expect(log.slice(2)).toEqual(['b:headers', 'b:onetwo.']);
  });

  test('a headers-only request that was stopped goes on as one', () => {
    const { log, side, filters } = requestRig((l) => [new Probe('a', l, { headers: Status.Stop }), new Probe('b', l)]);
    side.headers(headers, true);
    side.continue(filters[0]!);
    expect(log).toEqual(['a:headers.', 'b:headers.']);
  });

  test('a second filter that stops the headers is shown the body that waited for the first', () => {
    for (const goesOn of [false, true]) {
      const { log, side, filters } = requestRig((l) => [
        new Probe('a', l, { headers: Status.StopAllAndWatermark }),
        new Probe('b', l, { headers: Status.Stop, data: [goesOn ? Status.Continue : Status.StopAndBuffer], trailers: Status.Stop }),
        new Probe('c', l),
      ]);
      side.headers(headers, false);
      side.data(bytes('x'), false);
      side.trailers(new HeaderMap());
      expect(log.splice(0)).toEqual(['a:headers']);
      side.continue(filters[0]!);
      expect(log.splice(0)).toEqual(
        goesOn
          ? ['b:headers', 'a:x', 'b:x', 'c:headers', 'c:x', 'a:trailers', 'b:trailers']
          : ['b:headers', 'a:x', 'b:x', 'a:trailers', 'b:trailers'],
      );
      side.continue(filters[1]!);
      expect(log).toEqual(goesOn ? ['c:trailers'] : ['c:headers', 'c:x', 'c:trailers']);
    }
  });

  test('trailers that waited with the body reach a filter that buffers until they come', () => {
    const { log, side, filters } = requestRig((l) => [
      new Probe('a', l, { headers: Status.StopAllAndWatermark }),
      new Probe('b', l, { data: [Status.StopAndBuffer] }),
      new Probe('c', l),
    ]);
    side.headers(headers, false);
    side.data(bytes('x'), false);
    side.trailers(new HeaderMap());
    side.continue(filters[0]!);
    expect(log).toEqual(['a:headers', 'b:headers', 'c:headers', 'a:x', 'b:x', 'a:trailers', 'b:trailers', 'c:x', 'c:trailers']);
  });

  test('trailers wait for a buffering filter', () => {
    const { log, side, filters } = requestRig((l) => [
      new Probe('a', l, { data: [Status.StopAndBuffer], trailers: Status.Stop }),
      new Probe('b', l),
    ]);
    side.headers(headers, false);
    side.data(bytes('x'), false);
    side.trailers(new HeaderMap());
    expect(log).toEqual(['a:headers', 'b:headers', 'a:x', 'a:trailers']);
    side.continue(filters[0]!);
    expect(log.slice(4)).toEqual(['b:x', 'b:trailers']);
  });
});

test('the response side ends in its sink, and a stopped one holds the source back above the limit', () => {
  const log: string[] = [];
  const stream = { bufferLimit: 3, ended: false } as HttpStream;
  const stopping = new Probe('a', log, { headers: Status.StopAllAndWatermark });
  const side = new ResponseSide(stream, [stopping], {
    encodeHeaders: (response, end) => void log.push(`encode ${response.status}${end ? '.' : ''}`),
    encodeData: (chunk, end) => void log.push(`encode ${chunk}${end ? '.' : ''}`),
    encodeTrailers: () => void log.push('encode trailers'),
    onResponseTooLarge: () => void log.push('500'),
    holdResponse: (hold) => void log.push(hold ? 'hold' : 'release'),
  });
  side.headers(new ResponseHeaders(200), false);
  side.data(bytes('abcd'), false);
  side.trailers(new HeaderMap());
  expect(log).toEqual(['a:headers', 'hold']);
  side.continue(stopping);
  expect(log.slice(2)).toEqual(['encode 200', 'release', 'a:abcd', 'encode abcd', 'encode trailers']);
});
