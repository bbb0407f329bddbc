/** A chain with one gateway, a backend and a node, ready for requests; and requests to that node. */
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { startTestNetwork, type TestNetwork } from '../chain/network.js';
import { schedulerKey } from '../keys/publicTestKeys.js';
import { type Caller, createCaller, type SignOptions } from './caller.js';
import {
  type BackendHandler,
  chatCompletion,
  json,
  startTestBackend,
  type TestBackend,
} from './testBackend.js';
import { startTestNode, type TestNode, type TestNodeOptions } from './testNode.js';

export const standModel = 'm';
/** A body that the stand's backend answers. */
export const chatBody = JSON.stringify({ model: standModel, messages: [] });
export const chatPath = '/v1/chat/completions';
export const modelsPath = '/v1/models';

export interface TestStandOptions extends Partial<TestNodeOptions> {
  /** Instead of a fresh one, which is registered on chain. */
  readonly gateway?: Caller;
  /** More registered gateways. */
  readonly gateways?: readonly Caller[];
  readonly handler?: BackendHandler;
}

export interface TestStand {
  readonly network: TestNetwork;
  readonly backend: TestBackend;
  readonly node: TestNode;
  readonly gateway: Caller;
  readonly scheduler: Caller;
  /** How the node was started, to start another over the same home. */
  readonly nodeOptions: TestNodeOptions;
  close(): Promise<void>;
}

export const createScheduler = (): Caller => createCaller(schedulerKey.privateKeyHex);

export async function startTestStand(options: TestStandOptions = {}): Promise<TestStand> {
  const { gateway = createCaller(), gateways = [], handler, ...rest } = options;
  const network = await startTestNetwork({ gateways: [gateway, ...gateways].map(({ address }) => address) });
  const backend = await startTestBackend(
    handler ?? ((_request, response) => json(response, 200, chatCompletion(standModel, 'hello'))),
  );
  const nodeOptions: TestNodeOptions = {
    rpcUrls: [network.rpcUrl],
    router: network.routerAddress,
    modelBackends: { models: [{ name: standModel, fxnId: '2', backends: [{ url: backend.url }] }] },
    ...rest,
  };
  const closeRest = async (): Promise<void> => {
    await backend.close();
    await network.close();
  };
  let node: TestNode | undefined;
  try {
    const started = await startTestNode(nodeOptions);
    node = started;
    if (options.rpcUrls === undefined) await started.waitForReady();
    return {
      network,
      backend,
      node: started,
      gateway,
      scheduler: createScheduler(),
      nodeOptions,
      async close() {
        await started.close();
        await closeRest();
      },
    };
  } catch (thrown) {
    await node?.close();
    await closeRest();
    throw thrown;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** `error.code`, where there is one. */
  readonly code: string | undefined;
}

export interface SendOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Aborts the request. */
  readonly signal?: AbortSignal;
}

/** Sends these headers and this body over a connection of its own. */
export async function send(port: number, options: SendOptions = {}): Promise<Answer> {
  const { body = '', headers = {}, method = body.length === 0 ? 'GET' : 'POST' } = options;
  const length = body.length === 0 ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    method,
    path: options.path ?? (body.length === 0 ? modelsPath : chatPath),
    headers: { ...length, ...headers },
    agent: false,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  request.end(body);
  return readAnswer(request);
}

/** The whole answer to a request that is on its way. */
export async function readAnswer(request: ClientRequest): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces).toString('utf8');
  let code: string | undefined;
  if (response.headers['content-type']?.startsWith('application/json') && body !== '') {
    code = (JSON.parse(body) as { error?: { code?: string } }).error?.code;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body, code };
}

/** Signs and sends: a `GET` of the model list unless there is a body, which makes it a chat completion. */
export async function sendSigned(
  port: number,
  caller: Caller,
  options: SendOptions & { readonly sign?: SignOptions } = {},
): Promise<Answer> {
  const headers = { ...(await caller.sign(options.body ?? '', options.sign)), ...options.headers };
  return send(port, { ...options, headers });
}

/** Sends until the answer has this status; for what the node learns at its next poll. */
export async function untilStatus(
  status: number,
  attempt: () => Promise<Answer>,
  timeoutMs = 60_000,
): Promise<Answer> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await attempt();
    if (answer.status === status) return answer;
    if (Date.now() > deadline) throw new Error(`still ${answer.status} ${answer.body}, not ${status}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
