/** Admin endpoint `POST /explain`: how a request would be handled, answered by a worker from what it runs. */
import type { AdminRequest, Endpoint } from '../../admin/api.ts';
import { json, text } from '../../admin/reply.ts';
import type { WorkerCall } from '../messages.ts';
import type { ExplainAnswer } from './explanation.ts';
import { type ExplainQuestion, QuestionError, questionFromJson, questionFromParams } from './question.ts';
import { renderExplanation } from './render.ts';

export interface AskWorker {
  ask<T>(call: WorkerCall): Promise<T>;
}

export function explainEndpoint(workers: AskWorker): Endpoint {
  return {
    path: '/explain',
    help: 'explain how a request would be handled, and why (JSON body, a list of them, or parameters)',
    // It changes nothing; but a request may carry secrets, and those do not belong into a URL.
    mutates: true,
    parameters: [
      { name: 'request', help: "e.g. 'GET http://host/path'" },
      { name: 'header', help: "'name: value'; may be repeated" },
      { name: 'destination', help: 'ip:port that the client connects to' },
      { name: 'source', help: 'ip:port of the client' },
      { name: 'random', help: 'stands for every chance on the way, 0 to 2^32-1' },
      { name: 'format', help: 'how to answer', values: ['json', 'text'] },
    ],
    async handle(request) {
      let questions: ExplainQuestion[];
      let single: boolean;
      try {
        ({ questions, single } = questionsOf(request));
      } catch (error) {
        if (error instanceof QuestionError) return text(error.message + '\n', 400);
        throw error;
      }
      const answers = await workers.ask<readonly ExplainAnswer[]>({ kind: 'explain', questions });
      const first = answers[0];
      if (single && first !== undefined && 'error' in first) return text(first.error + '\n', 400);
      if (request.params.get('format') === 'text') return text(answers.map(renderExplanation).join('\n'));
      return json(single ? first : answers);
    },
  };
}

function questionsOf(request: AdminRequest): { questions: ExplainQuestion[]; single: boolean } {
  const body = request.body.trim();
  if (!body.startsWith('{') && !body.startsWith('[')) return { questions: [questionFromParams(request.params)], single: true };
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new QuestionError(`the body is no JSON: ${(error as Error).message}`);
  }
  return Array.isArray(value)
    ? { questions: value.map(questionFromJson), single: false }
    : { questions: [questionFromJson(value)], single: true };
}
