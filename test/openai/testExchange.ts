/** An exchange whose socket is a record of what was sent, for tests of what happens between request and answer. */
import type { HttpResponse } from 'uWebSockets.js';
import { BodyBudget } from '#src/http/bodyBudget.js';
import { Exchange } from '#src/http/exchange.js';

export interface TestExchange {
  readonly x: Exchange;
  /** The client closes the connection. */
  abort(): void;
  /** Of the answer, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** What a handler threw. */
  readonly faults: readonly unknown[];
}

export function createTestExchange(): TestExchange {
  let onAborted: () => void = () => undefined;
  const headers = new Map<string, string>();
  const faults: unknown[] = [];
  const response: Partial<HttpResponse> = {};
  const self = response as HttpResponse;
  response.onAborted = (listener) => {
    onAborted = listener;
    return self;
  };
  response.cork = (write) => {
    write();
    return self;
  };
  response.writeStatus = () => self;
  response.writeHeader = (name, value) => {
    headers.set(String(name), String(value));
    return self;
  };
  response.end = () => self;
  const x = new Exchange(
    self,
    {
      method: 'POST',
      path: '/v1/chat/completions',
      query: '',
      headers: new Map(),
      contentLength: 2,
      hasBody: true,
      framingFault: undefined,
      repeatedHeaders: undefined,
    },
    { maxBodyBytes: 1_000, bodyBudget: new BodyBudget(1_000), onFault: (thrown) => faults.push(thrown) },
  );
  return { x, abort: () => onAborted(), headers, faults };
}
