/** The official OpenAI client, signing its requests, against the real node, a real chain and a paced backend. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI from 'openai';
import { startTestNetwork, type TestNetwork } from '../chain/network.js';
import { type Caller, createCaller } from '../support/caller.js';
import {
  chatCompletion,
  chatFrame,
  doneFrame,
  json,
  startTestBackend,
  type TestBackend,
} from '../support/testBackend.js';
import { startTestNode, type TestNode } from '../support/testNode.js';

const publicName = 'meta/llama-4-scout';
const backendName = 'hf-quantised';

describe('the official OpenAI client', () => {
  const gateway: Caller = createCaller();
  let network: TestNetwork;
  let backend: TestBackend;
  let node: TestNode;
  let client: OpenAI;
  /** Lets the backend send its next word. */
  let goOn: () => void = () => undefined;

  before(async () => {
    network = await startTestNetwork({ gateways: [gateway.address] });
    backend = await startTestBackend(async (request, response) => {
      const body = JSON.parse(request.body) as { stream?: boolean; input?: unknown };
      if (request.url.startsWith('/v1/embeddings')) {
        json(response, 200, {
          object: 'list',
          model: backendName,
          data: [{ object: 'embedding', index: 0, embedding: [0.5, -1] }],
          usage: { prompt_tokens: 1, total_tokens: 1 },
        });
      } else if (body.stream === true) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const word of ['Hello', ' wörld', ' 🎉']) {
          const seen = new Promise<void>((resolve) => {
            goOn = resolve;
          });
          response.write(chatFrame(backendName, word));
          await seen;
        }
        response.end(doneFrame);
      } else json(response, 200, chatCompletion(backendName, 'Hello wörld'));
    });
    node = await startTestNode({
      rpcUrls: [network.rpcUrl],
      router: network.routerAddress,
      modelBackends: {
        models: [
          {
            name: publicName,
            aliases: ['llama'],
            fxnId: '2',
            backends: [{ url: backend.url, model: backendName }],
          },
        ],
      },
    });
    await node.waitForReady();
    client = new OpenAI({
      apiKey: 'unused',
      baseURL: `${node.url}/v1`,
      fetch: gateway.fetch,
      maxRetries: 0,
    });
  });
  after(async () => {
    await node?.close();
    await backend?.close();
    await network?.close();
  });

  it('streams a chat completion token by token under the public model name', async () => {
    const stream = await client.chat.completions.create({
      model: publicName,
      stream: true,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    const words: string[] = [];
    const models = new Set<string>();
    for await (const chunk of stream) {
      words.push(chunk.choices[0]?.delta.content ?? '');
      models.add(chunk.model);
      // The backend waits for this: were the words held back until the end, nothing would go on.
      goOn();
    }
    assert.equal(words.join(''), 'Hello wörld 🎉');
    assert.deepEqual([...models], [publicName]);
    const sent = backend.requests.at(-1);
    assert.equal((JSON.parse(sent?.body ?? '{}') as { model: string }).model, backendName);
  });

  it('answers a chat completion in one piece', async () => {
    const answer = await client.chat.completions.create({
      model: publicName,
      messages: [{ role: 'user', content: 'Hi' }],
    });
    assert.equal(answer.choices[0]?.message.content, 'Hello wörld');
    assert.equal(answer.model, publicName);
  });

  it('maps the model back to the alias that was asked for', async () => {
    const answer = await client.chat.completions.create({
      model: 'llama',
      messages: [{ role: 'user', content: 'Hi' }],
    });
    assert.equal(answer.model, 'llama');
  });

  it('answers embeddings', async () => {
    const answer = await client.embeddings.create({
      model: publicName,
      input: 'x',
      encoding_format: 'float',
    });
    assert.deepEqual(answer.data[0]?.embedding, [0.5, -1]);
    assert.equal(answer.model, publicName);
  });

  it('lists and retrieves models whose ids contain slashes', async () => {
    const list = await client.models.list();
    assert.deepEqual(
      list.data.map(({ id, object, owned_by }) => ({ id, object, owned_by })),
      [{ id: publicName, object: 'model', owned_by: 'fxn' }],
    );
    assert.equal((await client.models.retrieve(publicName)).id, publicName);
  });

  it('throws the exception class that belongs to an unknown model', async () => {
    await assert.rejects(
      client.chat.completions.create({ model: 'nope', messages: [] }),
      (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found',
    );
  });

  it('counts what it served', async () => {
    const served = await node.metric('endpoint_responses_total', {
      endpoint: '/v1/chat/completions',
      status_code: '200',
    });
    assert.equal(served, 3);
    assert.equal(await node.metric('fxn_http_in_flight_requests'), 0);
    assert.equal(await node.metric('fxn_auth_requests_total', { outcome: 'accepted' }), 7);
  });
});
