import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SchemeName } from '#src/auth/signedClaim.js';
import { repeatableRandom } from '#test/json/repeatableRandom.js';
import { propertyRuns } from '#test/runs.js';
import { createAuthenticationStand } from './authenticationStand.js';
import { copies, forgeries, genuineRequest } from './forgery.js';

const stand = createAuthenticationStand({ capacity: 200_000 });
const schemes: readonly SchemeName[] = ['legacy', 'rfc9421', 'session'];
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

for (const scheme of schemes) {
  describe(`a request signed by ${scheme}`, () => {
    it('is accepted, and each copy of it refused', () => {
      const copyNames = Object.keys(copies[scheme]);
      fc.assert(
        fc.property(seeds, fc.constantFrom(...copyNames), (seed, name) => {
          const random = repeatableRandom(seed);
          // The same seed twice must not be the same nonce.
          const request = genuineRequest(scheme, () => (random() + Math.random()) % 1, stand);
          const copy = copies[scheme][name]!(request, random, stand);
          // Either may come first: a copy means what the request means.
          const [first, second] = seed % 2 === 0 ? [request, copy] : [copy, request];
          assert.equal(stand.attempt(first), 'accepted');
          assert.equal(stand.attempt(second), 'auth_replayed');
        }),
        { numRuns: propertyRuns(3_000) },
      );
    });

    it('is never accepted with anything changed that was signed', () => {
      const names = Object.keys(forgeries[scheme]);
      assert.ok(names.length >= 10);
      fc.assert(
        fc.property(seeds, fc.constantFrom(...names), (seed, name) => {
          const random = repeatableRandom(seed);
          const request = genuineRequest(scheme, random, stand);
          const forged = forgeries[scheme][name]!(request, random, stand);
          if (stand.attempt(forged) === 'accepted') assert.fail(JSON.stringify({ name, request, forged }));
        }),
        { numRuns: propertyRuns(20_000) },
      );
    });
  });
}
