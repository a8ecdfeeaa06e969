import { expect, test } from 'vitest';
import type { AdminDeps, AdminReply } from '../../../src/admin/api.ts';
import { explainEndpoint } from '../../../src/server/explain/endpoint.ts';
import type { ExplainQuestion } from '../../../src/server/explain/question.ts';
import type { WorkerCall } from '../../../src/server/messages.ts';

async function post(body: string, query = '', answer: (question: ExplainQuestion) => unknown = ({ path }) => ({ path })) {
  const ask = async <T>(call: WorkerCall): Promise<T> => {
    if (call.kind !== 'explain') throw new Error(call.kind);
    return call.questions.map(answer) as T;
  };
  const request = { method: 'POST', path: '/explain', headers: {}, params: new URLSearchParams(query), body };
  const reply: AdminReply = await explainEndpoint({ ask }).handle(request, {} as AdminDeps);
  return { status: reply.status, body: reply.body as string };
}

test('one question, one answer; a list, a list', async () => {
  expect(JSON.parse((await post('{"authority": "a", "path": "/x"}')).body)).toEqual({ path: '/x' });
  expect(JSON.parse((await post('[{"path": "/x"}, {"path": "/y"}]')).body)).toEqual([{ path: '/x' }, { path: '/y' }]);
  expect(JSON.parse((await post('', 'request=GET+http://a/q')).body)).toEqual({ path: '/q' });
  expect(JSON.parse((await post('', 'authority=a&path=/p')).body)).toEqual({ path: '/p' });
});

test('a question that makes no sense is a bad request', async () => {
  expect(await post('{"authority": ')).toMatchObject({ status: 400, body: expect.stringContaining('no JSON') });
  expect(await post('{"path": 1}')).toEqual({ status: 400, body: "'path' must be a string\n" });
  const refuse = () => ({ error: "there is no listener 'x'" });
  expect(await post('{"listener": "x"}', '', refuse)).toEqual({ status: 400, body: "there is no listener 'x'\n" });
  expect(await post('[{"listener": "x"}]', '', refuse)).toMatchObject({ status: 200 });
});
