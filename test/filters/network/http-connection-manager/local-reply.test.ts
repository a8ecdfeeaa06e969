import { describe, expect, test } from 'vitest';
import { HcmRig, type HcmRigOptions, statusIs } from '../../../support/hcm-rig.ts';

const text = (format: string, contentType = '') => ({ kind: 'text' as const, text: format, omitEmptyValues: false, contentType });
const json = (object: Record<string, unknown>, contentType = '') => ({
  kind: 'json' as const,
  object,
  omitEmptyValues: false,
  contentType,
});

/** What the client gets when a filter refuses the request. */
function refuse(options: HcmRigOptions, status: number, body: string, headers = {}, grpcStatus = -1) {
  const rig = new HcmRig(options);
  const stream = rig.request(headers, { method: 'POST', path: '/p' });
  rig.backend.stream!.localReply(status, body, 0, 'refused', (answer) => answer.add('x-edit', '1'), grpcStatus);
  return { status: stream.status, headers: stream.answer, body: stream.encoder.body, log: rig.log };
}

test('without configuration: plain text with its length, or nothing at all', () => {
  expect(refuse({}, 503, 'sorry')).toMatchObject({
    status: 503,
    body: 'sorry',
    headers: { 'content-length': '5', 'content-type': 'text/plain', 'x-edit': '1' },
  });
  const empty = refuse({}, 503, '');
  expect(empty.body).toBe('');
  expect(empty.headers).not.toHaveProperty('content-type');
});

describe('mappers', () => {
  test('the first that matches is the only one', () => {
    const options: HcmRigOptions = {
      mappers: [
        { filter: statusIs(500), status: 599 },
        { filter: statusIs(503), status: 429, body: 'later' },
        { status: 418, body: 'never' },
      ],
    };
    expect(refuse(options, 503, 'sorry')).toMatchObject({ status: 429, body: 'later', log: [{ code: 429 }] });
    expect(refuse(options, 500, 'sorry')).toMatchObject({ status: 599, body: 'sorry' });
    expect(refuse(options, 404, 'sorry')).toMatchObject({ status: 418, body: 'never' });
  });

  test('none matches: all stays', () => {
    expect(refuse({ mappers: [{ filter: statusIs(500), status: 599 }] }, 503, 'sorry')).toMatchObject({ status: 503, body: 'sorry' });
  });

  test('headers are added in every way', () => {
    const add = (name: string, action: 'APPEND_IF_EXISTS_OR_ADD' | 'OVERWRITE_IF_EXISTS_OR_ADD' | 'ADD_IF_ABSENT') => ({
      name,
      value: '%RESPONSE_CODE%',
      action,
      keepEmpty: false,
    });
    const headers = {
      add: [add('x-a', 'APPEND_IF_EXISTS_OR_ADD'), add('x-edit', 'OVERWRITE_IF_EXISTS_OR_ADD'), add('x-b', 'ADD_IF_ABSENT')],
      remove: [],
    };
    expect(refuse({ mappers: [{ status: 429, headers }] }, 503, '').headers).toMatchObject({ 'x-a': '429', 'x-edit': '429', 'x-b': '429' });
  });

  test('a filter on response flags does not match a reply without any', () => {
    const filter = {
      kind: 'response_flag' as const,
      flags: 0,
    };
    expect(refuse({ mappers: [{ filter, status: 599 }] }, 503, '').status).toBe(503);
  });
});

describe('body_format', () => {
  test('text, with the body so far and the final status', () => {
    const options: HcmRigOptions = {
      mappers: [{ status: 429, body: 'later' }],
      bodyFormat: text('%RESPONSE_CODE%:%LOCAL_REPLY_BODY%:%REQ(:path)%'),
    };
    expect(refuse(options, 503, 'sorry')).toMatchObject({
      body: '429:later:/p',
      headers: { 'content-type': 'text/plain', 'content-length': '12' },
    });
  });

  test('json ends with a line feed', () => {
    const { headers, body } = refuse({ bodyFormat: json({ code: '%RESPONSE_CODE%', say: '%LOCAL_REPLY_BODY%' }) }, 503, 'a "b"');
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({ code: 503, say: 'a "b"' });
    expect(body.endsWith('\n')).toBe(true);
  });

  test('the format of a mapper goes before the common one; content_type is its own', () => {
    const options: HcmRigOptions = {
      mappers: [{ filter: statusIs(503), bodyFormat: text('<%LOCAL_REPLY_BODY%>', 'text/html') }],
      bodyFormat: text('common'),
    };
    expect(refuse(options, 503, 'sorry')).toMatchObject({ body: '<sorry>', headers: { 'content-type': 'text/html' } });
    expect(refuse(options, 500, 'sorry')).toMatchObject({ body: 'common', headers: { 'content-type': 'text/plain' } });
  });

  test('bytes beyond ASCII count as what goes over the wire', () => {
    const { headers, body } = refuse({ mappers: [{ body: 'später' }] }, 503, '');
    expect(headers['content-length']).toBe('7');
    expect(Buffer.from(body, 'latin1').toString('utf8')).toBe('später');
  });
});

describe('gRPC', () => {
  const GRPC = { 'content-type': 'application/grpc+proto' };

  for (const [status, grpc] of [
    [400, '13'],
    [401, '16'],
    [403, '7'],
    [404, '12'],
    [408, '2'],
    [413, '2'],
    [429, '14'],
    [500, '2'],
    [502, '14'],
    [503, '14'],
    [504, '14'],
  ] as const) {
    test(`${status} is grpc-status ${grpc}`, () => {
      const { headers, body, status: http } = refuse({}, status, 'no way', GRPC);
      expect(http).toBe(200);
      expect(headers).toMatchObject({ 'content-type': 'application/grpc', 'grpc-status': grpc, 'grpc-message': 'no way', 'x-edit': '1' });
      expect(headers).not.toHaveProperty('content-length');
      expect(body).toBe('');
    });
  }

  test('a status of its own goes before that of HTTP', () => {
    expect(refuse({}, 504, '', GRPC, 4).headers['grpc-status']).toBe('4');
  });
  test('a mapped status counts', () => {
    expect(refuse({ mappers: [{ status: 429 }] }, 400, '', GRPC).headers['grpc-status']).toBe('14');
  });
  test('the message is percent-encoded, and left out when empty', () => {
    expect(refuse({}, 503, 'a%b\n\xff', GRPC).headers['grpc-message']).toBe('a%25b%0A%FF');
    expect(refuse({}, 503, '', GRPC).headers).not.toHaveProperty('grpc-message');
  });
  test('gRPC-Web and look-alikes are plain HTTP', () => {
    for (const type of ['application/grpc-web', 'application/grpcx']) {
      expect(refuse({}, 503, 'sorry', { 'content-type': type })).toMatchObject({ status: 503, body: 'sorry' });
    }
  });
});
