/** A scripted prover behind a real HTTP server, as a node that is challenged. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { NodeAnswer } from '#src/verifier/collectEvidence.js';
import type { ScriptedProver } from './scriptedProver.js';

export interface ReceivedChallenge {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly type: unknown;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Answers itself, or returns what the answer is to be. */
export type AnswerChallenge = (
  challenge: ReceivedChallenge,
  response: ServerResponse,
) =>
  | Pick<NodeAnswer, 'status' | 'body'>
  | undefined
  | Promise<Pick<NodeAnswer, 'status' | 'body'> | undefined>;

export const byProver =
  (prover: ScriptedProver): AnswerChallenge =>
  ({ type, payload }) =>
    prover.answer(type, payload);

export async function serveChallenges(t: TestContext, answer: AnswerChallenge) {
  const received: ReceivedChallenge[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const text = Buffer.concat(pieces).toString('utf8');
      const { method, url, headers } = request;
      const challenge = {
        method,
        url,
        headers,
        text,
        ...(JSON.parse(text) as { type: unknown; payload: ReceivedChallenge['payload'] }),
      };
      received.push(challenge);
      const answered = await answer(challenge, response);
      if (answered === undefined) return;
      response.writeHead(answered.status, { 'content-type': 'application/json', 'x-request-id': 'id-1' });
      response.end(JSON.stringify(answered.body));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, received };
}
