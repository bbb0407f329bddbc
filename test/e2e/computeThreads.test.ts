/** Compute threads that fail: they take no more with them than the task that they had. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { chatBody, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

describe('a node whose compute threads all fail at their start', () => {
  let stand: TestStand;

  before(async () => {
    const preload = import.meta.resolve('../support/crashingCompute.js');
    stand = await startTestStand({
      env: { NODE_OPTIONS: `--import ${preload}` },
      config: { node: { threads: 1 }, compute: { deadline: '1s', gpu: 'off' } },
    });
  });
  after(() => stand?.close());

  it('says so, and goes on without them', async () => {
    const { node, scheduler, gateway } = stand;
    await node.waitForLog(
      ({ msg }) => msg === 'a compute thread failed' || msg === 'compute engine disabled',
    );
    for (let round = 0; round < 3; round++) {
      const challenge = await sendSigned(node.port, scheduler, {
        path: '/challenge',
        body: '{"type":"MATRIX_MULTIPLICATION","payload":{"size":8}}',
      });
      assert.ok(challenge.status >= 500, challenge.body);
      assert.match(challenge.code ?? '', /^compute_(?:failed|timeout)$/);
    }
    const identity = await sendSigned(node.port, scheduler, {
      path: '/challenge',
      body: '{"type":"IDENTITY"}',
    });
    assert.equal(identity.status, 200, identity.body);
    const chat = await sendSigned(node.port, gateway, { body: chatBody });
    assert.equal(chat.status, 200, chat.body);
  });
});
