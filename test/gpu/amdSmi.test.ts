import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createAmdSmiReader, parseAmdSmi } from '#src/gpu/amdSmi.js';
import { runTool, type ToolCall } from '#src/gpu/runTool.js';
import { propertyRuns } from '../runs.js';
import * as outputs from './fixtures/amdSmiOutputs.js';
import { environmentWith, readText, temporaryFolder, writePrintingTool, writeTool } from './standIns.js';

const { signal } = new AbortController();

describe('the answer of amd-smi', () => {
  it('as a list of values with units', () => {
    assert.deepEqual(parseAmdSmi(outputs.listStatic, outputs.listMetric), [
      {
        stat: {
          name: 'AMD Radeon Pro W7700',
          driver_version: '6.8.5',
          vram_total_mb: 16_368,
          vram_used_mb: 2_048,
          vram_free_mb: 14_320,
          utilization_gpu_pct: 42,
          utilization_mem_pct: 1,
        },
        detail: {
          uuid: '0x9246000000000001',
          temperatureC: 45,
          powerW: 20,
          smClockMhz: 14,
          memoryClockMhz: 96,
          xid: null,
        },
      },
    ]);
  });

  it('as an object around the list: GPUs in the order of their numbers, described by them', () => {
    const gpus = parseAmdSmi(outputs.wrappedStatic, outputs.wrappedMetric);
    assert.deepEqual(
      gpus.map(({ stat, detail }) => [
        detail.uuid,
        stat.vram_used_mb,
        stat.utilization_gpu_pct,
        detail.temperatureC,
      ]),
      [
        ['0x00000000000000A0', 284, 0, 41],
        ['0x00000000000000A1', null, null, null],
        ['0x00000000000000A2', 250_000, 97, 41],
      ],
    );
    assert.equal(gpus[1]?.stat.vram_total_mb, 294_896, 'known from the description');
  });

  it('with bare numbers under older names, and a warning before it', () => {
    const [gpu, ...more] = parseAmdSmi(outputs.olderStatic, outputs.olderMetric);
    assert.deepEqual(gpu?.stat, {
      name: 'Instinct MI210',
      driver_version: '6.2.4',
      vram_total_mb: 65_520,
      vram_used_mb: 12,
      vram_free_mb: 65_508,
      utilization_gpu_pct: 7,
      utilization_mem_pct: 2,
    });
    const { detail } = gpu;
    assert.deepEqual(
      [detail.temperatureC, detail.powerW, detail.smClockMhz, detail.memoryClockMhz],
      [38, 35, 800, 1_600],
    );
    assert.deepEqual(more, []);
    const [first] = parseAmdSmi('', outputs.firstMetric);
    assert.deepEqual(
      [first?.stat.utilization_gpu_pct, first?.stat.vram_total_mb, first?.stat.vram_used_mb],
      [7, 65_520, 12],
    );
  });

  it('without a description still has figures', () => {
    const [gpu] = parseAmdSmi('', outputs.listMetric);
    assert.equal(gpu?.stat.name, null);
    assert.equal(gpu?.stat.vram_used_mb, 2_048);
  });

  it('in an unknown unit is not measured', () => {
    const metric = JSON.stringify([{ gpu: 0, mem_usage: { total_vram: { value: 5, unit: 'pages' } } }]);
    assert.equal(parseAmdSmi('', metric)[0]?.stat.vram_total_mb, null);
    const large = JSON.stringify([{ gpu: 0, mem_usage: { total_vram: { value: 16, unit: 'GB' } } }]);
    assert.equal(parseAmdSmi('', large)[0]?.stat.vram_total_mb, 16_384);
  });

  it('is read whatever stands in it', () => {
    const key = fc.constantFrom(
      'gpu',
      'usage',
      'gfx_activity',
      'mem_usage',
      'total_vram',
      'value',
      'unit',
      'asic',
      'vram',
      'size',
      'clock',
      'gfx_0',
      'clk',
      '__proto__',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', maxDepth: 3 },
        fc.jsonValue(),
        fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
        fc.array(tie('tree'), { maxLength: 4 }),
      ),
    }));
    const text = fc.oneof(
      fc.string(),
      tree.map((value) => JSON.stringify(value)),
      tree.map((value) => JSON.stringify({ gpu_data: [value, { gpu: 0, usage: value, mem_usage: value }] })),
    );
    fc.assert(
      fc.property(text, text, (description, metric) => {
        for (const { stat } of parseAmdSmi(description, metric)) {
          assert.ok((stat.utilization_gpu_pct ?? 0) <= 100);
          assert.ok((stat.vram_total_mb ?? 0) >= 0);
        }
      }),
      { numRuns: propertyRuns(4_000) },
    );
  });
});

describe('amd-smi', () => {
  it('is asked what the GPUs are only when their number changes', async () => {
    const folder = temporaryFolder();
    writePrintingTool(folder, 'metric', outputs.listMetric);
    writePrintingTool(folder, 'static', outputs.listStatic);
    writeTool(folder, 'amd-smi', `echo "$@" >> '${folder}/asked'; exec "$1"`);
    const reader = createAmdSmiReader((call: ToolCall) =>
      runTool({ ...call, environment: environmentWith(folder) }),
    );
    for (const _ of [1, 2]) {
      const answer = await reader.read(signal);
      assert.ok(answer.kind === 'found');
      assert.equal(answer.gpus[0]?.stat.name, 'AMD Radeon Pro W7700');
    }
    assert.equal(readText(`${folder}/asked`), 'metric --json\nstatic --json\nmetric --json\n');
    writePrintingTool(folder, 'metric', outputs.wrappedMetric);
    writePrintingTool(folder, 'static', outputs.wrappedStatic);
    writeTool(folder, 'amd-smi', `echo "$@" >> '${folder}/asked'; exec "$1"`);
    const answer = await reader.read(signal);
    assert.ok(answer.kind === 'found');
    assert.equal(answer.gpus[2]?.stat.name, 'AMD Instinct MI350X');
  });
});
