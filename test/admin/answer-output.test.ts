import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { AnswerOutput } from '../../src/admin/answer-output.ts';

/** What a client gets of what is put out, and how many bytes that was. */
async function through(write: (output: AnswerOutput) => Promise<void>): Promise<{ body: string; sent: number }> {
  let sent = 0;
  const server = createServer((_request, response) => {
    const output = new AnswerOutput(response);
    void write(output).then(() => {
      sent = output.sent;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const body = await new Promise<string>((resolve, reject) => {
      get({ port: (server.address() as AddressInfo).port, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      }).on('error', reject);
    });
    return { body, sent };
  } finally {
    server.close();
  }
}

test('one buffer serves for all pieces, and no piece is overwritten by the next', async () => {
  const pieces = Array.from({ length: 200 }, (_, i) => String(i).repeat(5000).slice(0, 10_000));
  const { body, sent } = await through(async (output) => {
    for (const piece of pieces) await output.text(piece);
  });
  expect(body).toBe(pieces.join(''));
  expect(sent).toBe(2_000_000 - pieces.filter((p) => p.length < 10_000).reduce((sum, p) => sum + 10_000 - p.length, 0));
});

test('text that is not ASCII, longer than the buffer, and bytes between', async () => {
  const { body, sent } = await through(async (output) => {
    await output.text('größe €');
    await output.bytes(Buffer.from('|'));
    await output.text('ü'.repeat(100_000));
  });
  expect(body).toBe(`größe €|${'ü'.repeat(100_000)}`);
  expect(sent).toBe(Buffer.byteLength(body));
});

test('a client that has gone does not keep it waiting', async () => {
  let left = false;
  const server = createServer((_request, response) => {
    const output = new AnswerOutput(response);
    void (async () => {
      for (let i = 0; i < 2000 && !output.gone; i++) await output.text('x'.repeat(40_000));
      left = output.gone;
      server.close();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const request = get({ port: (server.address() as AddressInfo).port, agent: false }, (response) =>
    response.once('data', () => request.destroy()),
  );
  request.on('error', () => undefined);
  await new Promise<void>((resolve) => server.once('close', () => resolve()));
  expect(left).toBe(true);
});
