import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytesToHex, encodeFunctionResult, type Hex } from 'viem';
import { multicall3Abi } from '#abis/multicall3.js';
import { decodeAggregateResult } from '#src/contracts/aggregateResult.js';
import { propertyRuns } from '../runs.js';

const result = fc.record(
  {
    success: fc.boolean(),
    returnData: fc.uint8Array({ maxLength: 100 }).map((bytes) => bytesToHex(bytes)),
  },
  { noNullPrototype: true },
);
const results = fc.array(result, { maxLength: 8 });
const encode = (result: readonly { success: boolean; returnData: Hex }[]): Hex =>
  encodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', result });

describe('decodeAggregateResult', () => {
  it('reads what a general encoder wrote', () => {
    fc.assert(
      fc.property(results, (result) => {
        assert.deepEqual(decodeAggregateResult(encode(result)), result);
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it('refuses a text that ends too early', () => {
    const whole = encode([{ success: true, returnData: '0x0102' }]);
    for (let length = 2; length < whole.length - 60; length += 7) {
      assert.equal(decodeAggregateResult(whole.slice(0, length) as Hex), undefined);
    }
  });

  it('refuses a count, an offset or a length that the text cannot hold', () => {
    const whole = encode([{ success: true, returnData: '0x0102' }]).slice(2);
    for (let word = 0; word < 6; word++) {
      const at = word * 64;
      const huge = `0x${whole.slice(0, at)}${'f'.repeat(64)}${whole.slice(at + 64)}` as Hex;
      const large = `0x${whole.slice(0, at)}${'0'.repeat(56)}0fffffff${whole.slice(at + 64)}` as Hex;
      assert.equal(decodeAggregateResult(huge), undefined, `word ${word}`);
      assert.equal(decodeAggregateResult(large), undefined, `word ${word}`);
    }
  });

  it('never throws on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const decoded = decodeAggregateResult(bytesToHex(bytes));
        assert.ok(decoded === undefined || Array.isArray(decoded));
      }),
      { numRuns: propertyRuns(20_000) },
    );
  });
});
