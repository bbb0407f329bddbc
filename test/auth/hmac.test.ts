import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hmacSha256, macKeyBytes } from '#src/auth/hmac.js';
import { propertyRuns } from '#test/runs.js';

const byOpenSsl = (key: Uint8Array, text: string): string =>
  createHmac('sha256', key).update(text, 'latin1').digest('hex');

describe('HMAC-SHA-256', () => {
  it('is what OpenSSL makes of any key and text, and what came before leaves no trace', () => {
    const text = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 600 });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: macKeyBytes, maxLength: macKeyBytes }), text, (key, message) => {
        assert.equal(hmacSha256(key, message).toString('hex'), byOpenSsl(key, message));
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('is the same for texts of every length around the ends of blocks, and for long ones', () => {
    const key = new Uint8Array(macKeyBytes).fill(0xa5);
    const lengths = [...Array(200).keys(), 4_095, 4_096, 4_097, 70_000];
    for (const length of lengths) {
      const text = 'a\u00ff~'.repeat(length / 3 + 1).slice(0, length);
      assert.equal(hmacSha256(key, text).toString('hex'), byOpenSsl(key, text), `${length} characters`);
    }
  });
});
