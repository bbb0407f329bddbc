/** Conversations that stay with one backend, whose prompt cache knows their earlier turns. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startBypassNode } from '../support/bypassNode.js';
import { type HeldBackend, startHeldBackend } from '../support/heldBackend.js';
import { send } from '../support/httpClient.js';
import type { TestNode } from '../support/testNode.js';

interface Message {
  readonly role: string;
  readonly content: string;
}

const system: Message = { role: 'system', content: 'You are helpful.' };

describe('requests of one conversation', () => {
  const backends: HeldBackend[] = [];
  let node: TestNode;
  before(async () => {
    for (let i = 0; i < 3; i++) backends.push(await startHeldBackend());
    for (const backend of backends) backend.releaseAll();
    node = await startBypassNode({
      modelBackends: { models: [{ name: 'm', backends: backends.map(({ url }) => ({ url })) }] },
      config: {
        node: { listenPort: 0, threads: 3 },
        proxy: { affinity: 'prefix', breaker: { failures: 1, openFor: '1h' } },
      },
    });
  });
  after(async () => {
    await node?.close();
    for (const backend of backends) await backend.close();
  });

  /** Which backend answers. */
  const ask = async (messages: readonly Message[]): Promise<number> => {
    const before = backends.map(({ requests }) => requests.length);
    const { status } = await send(`${node.url}/v1/chat/completions`, { body: { model: 'm', messages } });
    assert.equal(status, 200);
    return backends.findIndex(({ requests }, i) => requests.length > before[i]!);
  };
  /** Where each turn of a conversation goes, over all fronts. */
  const converse = async (subject: string, turns = 6): Promise<Set<number>> => {
    const messages: Message[] = [system, { role: 'user', content: `Tell me of ${subject}` }];
    const seen = new Set<number>();
    for (let turn = 0; turn < turns; turn++) {
      seen.add(await ask(messages));
      messages.push(
        { role: 'assistant', content: `Answer ${turn}` },
        { role: 'user', content: `And ${turn}?` },
      );
    }
    return seen;
  };
  const subjects = Array.from({ length: 12 }, (_, i) => `subject ${i}`);

  it('go to one backend, and those of others to others', async () => {
    const used = new Set<number>();
    for (const subject of subjects) {
      const seen = await converse(subject);
      assert.equal(seen.size, 1, `${subject} went to ${[...seen]}`);
      for (const backend of seen) used.add(backend);
    }
    assert.ok(used.size > 1, 'all conversations went to one backend');
  });

  it('move to another backend when theirs fails, and the others stay', async () => {
    const before = new Map<string, number>();
    for (const subject of subjects)
      for (const backend of await converse(subject, 1)) before.set(subject, backend);
    const failed = before.get(subjects[0]!)!;
    await backends[failed]!.close();
    for (const subject of subjects) {
      const [backend] = await converse(subject, 1);
      if (before.get(subject) === failed) assert.notEqual(backend, failed);
      else assert.equal(backend, before.get(subject), subject);
    }
  });
});
