import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatTraceParent, parseTraceParent } from '#src/lib/traceparent.js';
import { propertyRuns } from '#test/runs.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

describe('a traceparent', () => {
  it('says trace, span and whether it is sampled', () => {
    assert.deepEqual(parseTraceParent(`00-${traceId}-${spanId}-01`), { traceId, spanId, isSampled: true });
    assert.equal(parseTraceParent(`00-${traceId}-${spanId}-02`)?.isSampled, false);
    assert.equal(parseTraceParent(`00-${traceId}-${spanId}-03`)?.isSampled, true);
  });

  it('of a version to come is read as far as it is known', () => {
    assert.deepEqual(parseTraceParent(`01-${traceId}-${spanId}-01-more`), {
      traceId,
      spanId,
      isSampled: true,
    });
    assert.ok(parseTraceParent(`cc-${traceId}-${spanId}-01`));
  });

  for (const malformed of [
    '',
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId}-${spanId}-01-`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-${spanId}-01`,
    `01-${traceId}-${spanId}-01more`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`,
    `01-${traceId}-${spanId}-01-${'x'.repeat(600)}`,
  ]) {
    it(`is none: ${JSON.stringify(malformed).slice(0, 70)}`, () => {
      assert.equal(parseTraceParent(malformed), undefined);
    });
  }

  it('survives writing and reading', () => {
    const hex = (length: number) =>
      fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => !/^0+$/.test(text));
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (trace, span, isSampled) => {
        const parent = { traceId: trace, spanId: span, isSampled };
        assert.deepEqual(parseTraceParent(formatTraceParent(parent)), parent);
      }),
      { numRuns: propertyRuns(500) },
    );
  });
});
