/** An inference server that answers when the test says so, and remembers how many requests it had at once. */
import type { ServerResponse } from 'node:http';
import {
  chatCompletion,
  json,
  type ReceivedRequest,
  startTestBackend,
  type TestBackend,
} from './testBackend.js';

export interface HeldRequest {
  readonly request: ReceivedRequest;
  /** The `id` member of the body. */
  readonly id: unknown;
  readonly response: ServerResponse;
  /** Answers with a whole chat completion. */
  release(): void;
}

export interface HeldBackend extends TestBackend {
  /** Requests that wait for their answer, in order of arrival; one that was abandoned is not there. */
  readonly held: readonly HeldRequest[];
  /** Ids of all requests, in order of arrival. */
  readonly ids: readonly unknown[];
  /** The most requests that were here at once. */
  most(): number;
  /** Answers whatever is held, now and from now on. */
  releaseAll(): void;
}

export async function startHeldBackend(): Promise<HeldBackend> {
  const held: HeldRequest[] = [];
  const ids: unknown[] = [];
  let most = 0;
  let isHolding = true;

  const backend = await startTestBackend((request, response) => {
    const { id } = JSON.parse(request.body) as { id?: unknown };
    const entry: HeldRequest = {
      request,
      id,
      response,
      release() {
        remove();
        json(response, 200, chatCompletion('m', String(id)));
      },
    };
    const remove = (): void => {
      const at = held.indexOf(entry);
      if (at !== -1) held.splice(at, 1);
    };
    held.push(entry);
    ids.push(id);
    most = Math.max(most, held.length);
    response.on('close', remove);
    if (!isHolding) entry.release();
  });

  return Object.assign(backend, {
    held,
    ids,
    most: () => most,
    releaseAll() {
      isHolding = false;
      for (const entry of [...held]) entry.release();
    },
  });
}
