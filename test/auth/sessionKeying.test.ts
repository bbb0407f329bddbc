/** Sessions in a store that answers later, or not: what one outside of this process is going to do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SessionStore } from '#src/auth/sessionStore.js';
import type { SessionFindResult } from '#src/lib/session.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';
import { createAuthenticationStand, type RawRequest } from './authenticationStand.js';
import { forgeries, genuineRequest } from './forgery.js';

const random = repeatableRandom(7);

/** A store whose answers wait until the test lets them go, as they are or others. */
function createLateStand() {
  const waiting: ((instead?: SessionFindResult) => void)[] = [];
  const stand = createAuthenticationStand({
    sessionStore: (inMemory): SessionStore => ({
      put: inMemory.put,
      find: (id, done) =>
        inMemory.find(id, (found) => {
          waiting.push((instead) => done(instead ?? found));
        }),
    }),
  });
  const request = (hasBody: boolean): RawRequest => {
    for (;;) {
      const made = genuineRequest('session', random, stand);
      if (made.body.length > 0 === hasBody) return made;
    }
  };
  return { stand, request, answer: (instead?: SessionFindResult) => waiting.shift()!(instead) };
}

describe('a session in a store that answers later', () => {
  it('signs a request without a body', () => {
    const { stand, request, answer } = createLateStand();
    const started = stand.begin(request(false));
    assert.equal(started.outcome(), undefined);
    answer();
    assert.equal(started.outcome(), 'accepted');
  });

  it('signs a request whose body comes before the answer, or behind it', () => {
    const { stand, request, answer } = createLateStand();
    const early = stand.begin(request(true));
    early.sendBody();
    assert.equal(early.outcome(), undefined);
    answer();
    assert.equal(early.outcome(), 'accepted');
    const late = stand.begin(request(true));
    answer();
    assert.equal(late.outcome(), undefined);
    late.sendBody();
    assert.equal(late.outcome(), 'accepted');
  });

  it('is refused all the same when it is not there, or nobody can say', () => {
    const { stand, request, answer } = createLateStand();
    for (const [instead, code] of [
      ['unknown', 'auth_unknown_caller'],
      ['unavailable', 'session_store_unavailable'],
    ] as const) {
      for (const isBodyFirst of [true, false]) {
        const started = stand.begin(request(true));
        if (isBodyFirst) started.sendBody();
        answer(instead);
        if (!isBodyFirst) started.sendBody();
        assert.equal(started.outcome(), code);
      }
    }
  });

  it('does not vouch for a caller that is not known, for a forgery, or for a copy', () => {
    const { stand, request, answer } = createLateStand();
    const genuine = request(true);
    const outcomeOf = (sent: RawRequest, instead?: SessionFindResult): string | undefined => {
      const started = stand.begin(sent);
      answer(instead);
      started.sendBody();
      return started.outcome();
    };
    const session = stand.sessions[0]!;
    const stranger = { ...session, caller: `0x${'ab'.repeat(20)}` } as const;
    assert.equal(outcomeOf(genuine, stranger), 'auth_unknown_caller');
    assert.equal(outcomeOf(genuine, { ...session, key: new Uint8Array(32) }), 'auth_bad_signature');
    const forged = forgeries.session['the body']!(genuine, random, stand);
    assert.equal(outcomeOf(forged), 'auth_bad_signature');
    assert.equal(outcomeOf(genuine, undefined), 'accepted');
    assert.equal(outcomeOf(genuine, undefined), 'auth_replayed');
  });

  it('that has ended when the answer comes is refused', () => {
    const { stand, request, answer } = createLateStand();
    const started = stand.begin(request(false));
    answer({ ...stand.sessions[0]!, expiresAtS: stand.nowS });
    assert.notEqual(started.outcome(), 'accepted');
  });
});
