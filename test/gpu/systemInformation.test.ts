import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSystemInformationReader, parseControllers } from '#src/gpu/systemInformation.js';
import { createTelemetryProcess } from '#src/gpu/telemetryProcess.js';
import { propertyRuns } from '../runs.js';
import { linuxCards, nvidiaCard, windowsCards } from './fixtures/controllerLists.js';

describe('controllers of systeminformation', () => {
  it('count on Windows unless their memory is only the largest number of 32 bits', () => {
    assert.deepEqual(
      parseControllers(windowsCards, 'win32').map(({ stat }) => [stat.name, stat.vram_total_mb]),
      [
        ['NVIDIA GeForce GTX 1650', 2_048],
        ['NVIDIA RTX A6000', 49_152],
      ],
    );
  });

  it('do not count where their memory is the size of a window', () => {
    assert.deepEqual(parseControllers(linuxCards, 'linux'), []);
  });

  it('bring the figures of an NVIDIA card', () => {
    const [gpu] = parseControllers([nvidiaCard], 'linux');
    assert.deepEqual(gpu?.stat, {
      name: 'NVIDIA GeForce RTX 3090',
      driver_version: '535.86.10',
      vram_total_mb: 24_576,
      vram_used_mb: 1_000,
      vram_free_mb: 23_576,
      utilization_gpu_pct: 12,
      utilization_mem_pct: null,
      unavailable: ['utilization_mem_pct'],
    });
    assert.deepEqual([gpu?.detail.temperatureC, gpu?.detail.powerW], [50, 110.5]);
  });

  it('inside Intel processors do not count, cards of Intel do', () => {
    const names = [
      'Intel(R) UHD Graphics 770',
      'Intel(R) Iris(R) Xe Graphics',
      'Intel(R) Arc(TM) A770 Graphics',
    ];
    const controllers = names.map((model) => ({
      vendor: 'Intel Corporation',
      model,
      vram: 2_048,
      vramDynamic: false,
    }));
    assert.deepEqual(
      parseControllers(controllers, 'win32').map(({ stat }) => stat.name),
      ['Intel(R) Arc(TM) A770 Graphics'],
    );
  });

  it('are read whatever they hold', () => {
    const key = fc.constantFrom(
      'vendor',
      'model',
      'name',
      'vram',
      'vramDynamic',
      'memoryTotal',
      'utilizationGpu',
    );
    const controllers = fc.oneof(fc.anything(), fc.array(fc.dictionary(key, fc.anything())));
    fc.assert(
      fc.property(controllers, (given) => {
        for (const { stat } of parseControllers(given, 'win32')) assert.notEqual(stat.vram_total_mb, null);
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });

  it('are asked for in the telemetry process, and not on Linux', async () => {
    const telemetry = createTelemetryProcess({ firstDeadlineMs: 60_000 });
    const { signal } = new AbortController();
    assert.deepEqual(await createSystemInformationReader(telemetry, 'linux').read(signal), {
      kind: 'absent',
    });
    const reader = createSystemInformationReader(telemetry, 'win32');
    const answer = await reader.read(signal);
    reader.close?.();
    assert.ok(answer.kind === 'none' || answer.kind === 'found', JSON.stringify(answer));
  });
});
