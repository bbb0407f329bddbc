import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createRocmSmiReader, parseRocmSmi } from '#src/gpu/rocmSmi.js';
import { runTool } from '#src/gpu/runTool.js';
import { propertyRuns } from '../runs.js';
import * as outputs from './fixtures/rocmSmiOutputs.js';
import { environmentWith, readText, temporaryFolder, writePrintingTool, writeTool } from './standIns.js';

describe('the table of rocm-smi', () => {
  it('counts memory in bytes', () => {
    assert.deepEqual(parseRocmSmi(outputs.oneGpu), [
      {
        stat: {
          name: 'Radeon RX 7900 XT',
          driver_version: null,
          vram_total_mb: 20_464,
          vram_used_mb: 27,
          vram_free_mb: 20_437,
          utilization_gpu_pct: 0,
          utilization_mem_pct: null,
          unavailable: ['driver_version', 'utilization_mem_pct'],
        },
        detail: {
          uuid: null,
          temperatureC: null,
          powerW: null,
          smClockMhz: null,
          memoryClockMhz: null,
          xid: null,
        },
      },
    ]);
  });

  it('is read by the names of its columns, after warnings', () => {
    assert.deepEqual(
      parseRocmSmi(outputs.twoGpusWithWarning).map(({ stat, detail }) => [
        stat.name,
        stat.vram_total_mb,
        stat.vram_used_mb,
        stat.utilization_gpu_pct,
        detail.uuid,
      ]),
      [
        ['Navi 21 [Radeon RX 6800/6800 XT / 6900 XT]', 16_368, 660, 83, '0x9246a1b2c3d4e5f6'],
        ['Raphael', 64, 25, null, null],
      ],
    );
    const [older] = parseRocmSmi(outputs.olderTable);
    assert.deepEqual(
      [
        older?.stat.name,
        older?.stat.vram_total_mb,
        older?.stat.vram_used_mb,
        older?.stat.utilization_gpu_pct,
      ],
      ['Vega 10 XT [Radeon RX Vega 64]', 8_176, 8, 12],
    );
  });

  it('without a header is none', () => {
    assert.deepEqual(parseRocmSmi(outputs.noTable), []);
    assert.deepEqual(parseRocmSmi('card0,1,2,3\n'), []);
  });

  it('is read whatever stands in it', () => {
    const cell = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'device',
        'card0',
        'VRAM Total Memory (B)',
        'GPU use (%)',
        '-5',
        '1e400',
        '99999999999999999999',
      ),
    );
    const table = fc
      .array(fc.array(cell).map((cells) => cells.join(',')))
      .map((lines) => ['device,GPU use (%),VRAM Total Memory (B)', ...lines].join('\n'));
    fc.assert(
      fc.property(fc.oneof(fc.string(), table), (output) => {
        for (const { stat } of parseRocmSmi(output)) assert.ok((stat.utilization_gpu_pct ?? 0) <= 100);
      }),
      { numRuns: propertyRuns(10_000) },
    );
  });
});

describe('rocm-smi', () => {
  it('is asked for memory, use and names, and knows no GPU when it prints no table', async () => {
    const folder = temporaryFolder();
    writePrintingTool(folder, 'table', outputs.noTable);
    writeTool(folder, 'rocm-smi', `echo "$@" > '${folder}/asked'; exec table`);
    const reader = createRocmSmiReader((call) => runTool({ ...call, environment: environmentWith(folder) }));
    assert.deepEqual(await reader.read(new AbortController().signal), { kind: 'none' });
    assert.equal(readText(`${folder}/asked`), '--showmeminfo vram --showuse --showproductname --csv\n');
  });
});
