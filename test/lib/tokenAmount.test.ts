import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatEther, formatTokenAmount, parseTokenAmount } from '#src/lib/tokenAmount.js';
import { propertyRuns } from '#test/runs.js';

test('moves the point and leaves out zeros at the end', () => {
  assert.equal(formatTokenAmount(1_500_000_000_000_000_000n, 18), '1.5');
  assert.equal(formatTokenAmount(1n, 18), '0.000000000000000001');
  assert.equal(formatTokenAmount(0n, 18), '0');
  assert.equal(formatTokenAmount(-25n, 1), '-2.5');
  assert.equal(formatTokenAmount(120n, 0), '120');
  assert.equal(formatEther(10n ** 18n), '1 ETH');
});

test('reads what it writes, to the last digit of any amount', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 128n }),
      fc.integer({ min: 0, max: 30 }),
      (amount, decimals) => {
        assert.equal(parseTokenAmount(formatTokenAmount(amount, decimals), decimals), amount);
      },
    ),
    { numRuns: propertyRuns(200) },
  );
});

test('takes nothing but decimal numbers with so many decimals', () => {
  assert.equal(parseTokenAmount('0.05', 18), 50_000_000_000_000_000n);
  for (const text of ['', '.5', '1.', '1,5', '-1', '1e3', '0x10', ' 1', '0.0000001', 'NaN']) {
    assert.equal(parseTokenAmount(text, 6), undefined, text);
  }
});
