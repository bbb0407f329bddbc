/** What the making of a session answers when something behind it fails; how it succeeds is an end-to-end matter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type OpenSessionOptions, openSession } from '#src/auth/openSession.js';
import { createSessionKeyPair } from '#src/auth/sessionKey.js';
import { toNodeError } from '#src/errors/nodeError.js';
import type { Exchange } from '#src/http/exchange.js';
import type { Session, SessionPutResult } from '#src/lib/session.js';

const nowS = 1_750_000_000;
const caller = `0x${'ab'.repeat(20)}` as const;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function createService(changes: Partial<OpenSessionOptions> = {}, result: SessionPutResult = 'stored') {
  const stored: Session[] = [];
  const handler = openSession({
    clock: { nowMs: () => nowS * 1_000 },
    ttlS: 600,
    sign: async () => '0x00',
    sessions: {
      put(session, done) {
        stored.push(session);
        done(result);
      },
      find: (_id, done) => done('unknown'),
    },
    ...changes,
  });
  /** What of an exchange the handler touches. */
  const ask = (): { readonly answer: () => unknown; leave: () => void } => {
    let answer: unknown;
    let isOpen = true;
    const body = JSON.stringify({ publicKey: createSessionKeyPair().publicKey.toString('base64') });
    const x = {
      signedBy: 'rfc9421',
      caller,
      body: { bytes: Buffer.from(body) },
      releaseBody: () => undefined,
      respondJson: (status: number) => {
        answer = status;
      },
      fail: (error: unknown) => {
        answer = toNodeError(error).code;
      },
      attempt(step: () => void) {
        if (!isOpen) return;
        try {
          step();
        } catch (thrown) {
          answer = toNodeError(thrown).code;
        }
      },
    };
    x.attempt(() => handler(x as unknown as Exchange));
    return {
      answer: () => answer,
      leave: () => {
        isOpen = false;
      },
    };
  };
  return { ask, stored };
}

describe('making a session', () => {
  it('stores it for its caller and its time once the node has signed', async () => {
    const { ask, stored } = createService();
    const asked = ask();
    assert.equal(stored.length, 0);
    await settled();
    assert.equal(asked.answer(), 200);
    assert.equal(stored[0]?.caller, caller);
    assert.equal(stored[0]?.expiresAtS, nowS + 600);
    assert.equal(stored[0]?.key.length, 32);
  });

  it('says when the store is full, or cannot be asked', async () => {
    for (const [result, code] of [
      ['full', 'session_table_full'],
      ['unavailable', 'session_store_unavailable'],
    ] as const) {
      const asked = createService({}, result).ask();
      await settled();
      assert.equal(asked.answer(), code);
    }
  });

  it('leaves nothing behind when the node does not sign, or the caller has left', async () => {
    const failing = createService({ sign: () => Promise.reject(new Error('main is busy')) });
    const asked = failing.ask();
    await settled();
    assert.equal(asked.answer(), 'internal_error');
    const service = createService();
    service.ask().leave();
    await settled();
    assert.deepEqual([failing.stored, service.stored], [[], []]);
  });

  it('waits for so many signatures at once, and refuses more', async () => {
    const waiting: (() => void)[] = [];
    const { ask } = createService({
      sign: () => new Promise((resolve) => waiting.push(() => resolve('0x00'))),
    });
    const asked = Array.from({ length: 33 }, ask);
    assert.deepEqual(
      asked.map(({ answer }) => answer()),
      [...Array.from({ length: 32 }, () => undefined), 'queue_full'],
    );
    for (const resolve of waiting) resolve();
    await settled();
    assert.equal(asked[0]!.answer(), 200);
    assert.equal(ask().answer(), undefined, 'there is room again');
  });
});
