import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type GpuFigures, gpuReading, gpuSample, maxGpus, measured, wording } from '#src/gpu/gpuReading.js';
import { propertyRuns } from '../runs.js';

describe('figures of a GPU', () => {
  it('names what was not measured, and only that', () => {
    const { stat } = gpuReading({ name: 'A', totalMb: 1000, usedMb: 400, utilizationGpu: '0' });
    assert.deepEqual(stat, {
      name: 'A',
      driver_version: null,
      vram_total_mb: 1000,
      vram_used_mb: 400,
      vram_free_mb: 600,
      utilization_gpu_pct: 0,
      utilization_mem_pct: null,
      unavailable: ['driver_version', 'utilization_mem_pct'],
    });
  });

  it('have no list of missing fields when all were measured', () => {
    const { stat } = gpuReading({
      name: 'A',
      driverVersion: '1',
      totalMb: 10,
      usedMb: 4,
      freeMb: 5,
      utilizationGpu: 1,
      utilizationMemory: 2,
    });
    assert.ok(!('unavailable' in stat));
    assert.ok(!('unified_memory' in stat));
    assert.deepEqual([stat.vram_used_mb, stat.vram_free_mb], [4, 5], 'what the driver keeps is neither');
  });

  it('drops memory figures that contradict the total, and a total of nothing', () => {
    assert.equal(gpuReading({ totalMb: 100, usedMb: 101 }).stat.vram_used_mb, null);
    assert.equal(gpuReading({ totalMb: 100, freeMb: 101 }).stat.vram_free_mb, null);
    assert.equal(gpuReading({ totalMb: 0, usedMb: 0 }).stat.vram_total_mb, null);
    assert.equal(gpuReading({ totalMb: 100, freeMb: 30 }).stat.vram_used_mb, 70);
  });

  for (const value of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    '-1',
    '1e3',
    '0x10',
    '',
    ' ',
    '12 MB',
    null,
    {},
    [7],
    true,
    101,
  ]) {
    it(`${JSON.stringify(value) ?? value} is no percentage`, () => assert.equal(measured(value, 100), null));
  }

  it('numbers and their text are', () => {
    assert.deepEqual(
      [measured(0, 100), measured(' 37 ', 100), measured('12.5', 100), measured(-0, 100)],
      [0, 37, 12.5, 0],
    );
    assert.ok(Object.is(measured('-0', 100), 0));
  });

  for (const text of [
    '[N/A]',
    '[Not Supported]',
    '[Unknown Error]',
    '[GPU requires reset]',
    'N/A',
    'n/a',
    ' ',
    '',
    '-',
  ]) {
    it(`"${text}" is no name`, () => assert.equal(wording(text), null));
  }

  it('names lose control characters and end somewhere', () => {
    assert.equal(wording('NVIDIA\u0000\n H100\u2028'), 'NVIDIA  H100');
    assert.equal(wording('x'.repeat(10_000))?.length, 128);
    assert.equal(wording('🚀'.repeat(1_000)), '🚀'.repeat(128));
  });

  it('whatever a source says, figures are null or within their bounds, and the list of missing ones is right', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.double(),
      fc.integer(),
      fc.double().map(String),
      fc.constantFrom('[N/A]', '5', '99.9', '-3', 'NaN', 1e300, 2 ** 70),
    );
    const keys = [
      'name',
      'driverVersion',
      'uuid',
      'totalMb',
      'usedMb',
      'freeMb',
      'utilizationGpu',
      'utilizationMemory',
      'temperatureC',
      'powerW',
      'smClockMhz',
      'memoryClockMhz',
      'xid',
    ];
    const figures = fc.record(Object.fromEntries(keys.map((key) => [key, anything])), { requiredKeys: [] });
    fc.assert(
      fc.property(figures, (given) => {
        const { stat, detail } = gpuReading(given as GpuFigures);
        const { unavailable = [], ...fields } = stat;
        assert.deepEqual(
          unavailable,
          Object.entries(fields).flatMap(([key, value]) => (value === null ? [key] : [])),
        );
        for (const value of [...Object.values(fields), ...Object.values(detail)]) {
          if (typeof value === 'number') assert.ok(Number.isFinite(value) && value >= 0);
          else if (typeof value === 'string') assert.ok(value.length > 0 && value.length <= 256);
          else assert.equal(value, null);
        }
        const { vram_total_mb: total, vram_used_mb: used, vram_free_mb: free } = stat;
        if (total !== null) assert.ok((used ?? 0) <= total && (free ?? 0) <= total);
      }),
      { numRuns: propertyRuns(20_000) },
    );
  });

  it('a sample numbers its GPUs and holds a bounded number of them', () => {
    const sample = gpuSample('nvml', new Array(100).fill(gpuReading({ name: 'A' })), 7);
    assert.equal(sample.stats.length, maxGpus);
    assert.deepEqual(
      sample.details.map(({ index }) => index),
      Array.from({ length: maxGpus }, (_, place) => place),
    );
    assert.equal(sample.sampledAtMs, 7);
  });
});
