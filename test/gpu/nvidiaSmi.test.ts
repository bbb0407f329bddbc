import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  createNvidiaSmiReader,
  parseMigInstances,
  parseNvidiaSmi,
  withMigInstances,
} from '#src/gpu/nvidiaSmi.js';
import { runTool, type ToolCall } from '#src/gpu/runTool.js';
import { propertyRuns } from '../runs.js';
import * as outputs from './fixtures/nvidiaSmiOutputs.js';
import { environmentWith, readText, temporaryFolder, writePrintingTool, writeTool } from './standIns.js';

const { signal } = new AbortController();
const mib = 1024 * 1024;
const machine = { totalBytes: 124_610 * mib, freeBytes: 115_787 * mib };
const runIn =
  (folder: string) =>
  (call: ToolCall): ReturnType<typeof runTool> =>
    runTool({ ...call, environment: environmentWith(folder) });

describe('the table of nvidia-smi', () => {
  it('tells everything of several GPUs', () => {
    const [first, second, ...more] = parseNvidiaSmi(outputs.twoGpus);
    assert.deepEqual(first, {
      stat: {
        name: 'NVIDIA H100 80GB HBM3',
        driver_version: '550.54.15',
        vram_total_mb: 81_559,
        vram_used_mb: 4_321,
        vram_free_mb: 77_238,
        utilization_gpu_pct: 37,
        utilization_mem_pct: 12,
      },
      detail: {
        uuid: 'GPU-8f8b4b3c-8d6f-2c1e-9a52-1b9f43d0c111',
        temperatureC: 41,
        powerW: 118.42,
        smClockMhz: 1_755,
        memoryClockMhz: 2_619,
        xid: null,
      },
    });
    assert.equal(second?.stat.utilization_gpu_pct, 0, 'an idle GPU was measured');
    assert.deepEqual(more, []);
  });

  it('tells nothing by words of any driver', () => {
    const [gpu] = parseNvidiaSmi(outputs.olderDriver);
    assert.deepEqual(gpu?.stat.unavailable, ['utilization_gpu_pct', 'utilization_mem_pct']);
    assert.equal(gpu?.stat.vram_used_mb, 0);
    assert.deepEqual(gpu?.detail, {
      uuid: 'GPU-22b2c6ac-2d49-4863-197c-9c469071178a',
      temperatureC: 52,
      powerW: null,
      smClockMhz: null,
      memoryClockMhz: null,
      xid: null,
    });
  });

  it('keeps a GPU that needs a reset, without figures, and skips the message about one that is gone', () => {
    const [well, broken, ...more] = parseNvidiaSmi(outputs.brokenGpus, machine);
    assert.equal(well?.stat.vram_used_mb, 1_024);
    assert.equal(broken?.stat.name, 'NVIDIA GeForce RTX 4090');
    assert.equal(broken?.stat.vram_total_mb, null);
    assert.equal(broken?.stat.unified_memory, undefined);
    assert.deepEqual(Object.values(broken?.detail ?? {}).slice(1), [null, null, null, null, null]);
    assert.deepEqual(more, []);
  });

  it('may hold names with commas', () => {
    assert.deepEqual(
      parseNvidiaSmi(outputs.nameWithCommas).map(({ stat }) => stat.name),
      ['Board A, rev. 2, engineering sample'],
    );
  });

  it('of a GPU without memory of its own stands for the memory of the machine', () => {
    const [gpu] = parseNvidiaSmi(outputs.gb10, machine);
    assert.deepEqual(gpu?.stat, {
      name: 'NVIDIA GB10',
      driver_version: '580.126.09',
      vram_total_mb: 124_610,
      vram_used_mb: 8_823,
      vram_free_mb: 115_787,
      utilization_gpu_pct: 0,
      utilization_mem_pct: 0,
      unified_memory: true,
    });
  });

  it('is read whatever stands in it', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('GPU-1', '[N/A]', '1', '-1', '1e999', 'N/A', '81559'));
    const table = fc
      .array(fc.array(word, { maxLength: 16 }).map((cells) => cells.join(', ')))
      .map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(fc.oneof(fc.string(), table), (output) => {
        for (const { stat } of parseNvidiaSmi(output)) assert.ok((stat.utilization_gpu_pct ?? 0) <= 100);
        withMigInstances(parseNvidiaSmi(output), output);
      }),
      { numRuns: propertyRuns(10_000) },
    );
  });
});

describe('GPUs split into instances', () => {
  it('are listed with them by drivers of any age', () => {
    assert.deepEqual(parseMigInstances(outputs.migListing).get('GPU-7fdaf0a5-179b-f636-d15d-daf243e3ff16'), [
      { profile: '1g.10gb', uuid: 'MIG-feb88891-0321-5fef-9c87-d4af3b54259e' },
      { profile: '3g.40gb', uuid: 'MIG-a25704ba-3a06-5299-a795-fd7cf4d13973' },
    ]);
    assert.deepEqual(
      parseMigInstances(outputs.migListing).get('GPU-41255406-c9af-f94b-4ebf-9d57ad1853da'),
      [],
    );
    assert.deepEqual(
      parseMigInstances(outputs.olderMigListing)
        .get('GPU-2ac434d3-1aca-57a0-597d-1d2effdba9f3')
        ?.map(({ uuid }) => uuid),
      [
        'MIG-GPU-2ac434d3-1aca-57a0-597d-1d2effdba9f3/1/0',
        'MIG-GPU-2ac434d3-1aca-57a0-597d-1d2effdba9f3/2/0',
      ],
    );
  });

  it('come with the memory of the whole, followed by instances without figures', async () => {
    const folder = temporaryFolder();
    writePrintingTool(folder, 'query', outputs.migGpu);
    writePrintingTool(folder, 'list', outputs.migListing);
    writeTool(folder, 'nvidia-smi', `case "$1" in -L) exec list;; *) exec query;; esac`);
    const answer = await createNvidiaSmiReader(runIn(folder)).read(signal);
    assert.ok(answer.kind === 'found');
    assert.deepEqual(
      answer.gpus.map(({ stat, detail }) => [
        stat.name,
        stat.vram_total_mb,
        stat.utilization_gpu_pct,
        detail.uuid,
      ]),
      [
        ['NVIDIA A100-SXM4-80GB', 81_920, null, 'GPU-7fdaf0a5-179b-f636-d15d-daf243e3ff16'],
        ['NVIDIA A100-SXM4-80GB MIG 1g.10gb', null, null, 'MIG-feb88891-0321-5fef-9c87-d4af3b54259e'],
        ['NVIDIA A100-SXM4-80GB MIG 3g.40gb', null, null, 'MIG-a25704ba-3a06-5299-a795-fd7cf4d13973'],
        ['NVIDIA A100-SXM4-80GB', 81_920, 3, 'GPU-41255406-c9af-f94b-4ebf-9d57ad1853da'],
      ],
    );
  });
});

describe('nvidia-smi', () => {
  it('is asked once when nothing is split, with the arguments that its table is read by', async () => {
    const folder = temporaryFolder();
    writePrintingTool(folder, 'query', outputs.twoGpus);
    writeTool(folder, 'nvidia-smi', `echo "$@" >> '${folder}/asked'; exec query`);
    const answer = await createNvidiaSmiReader(runIn(folder)).read(signal);
    assert.equal(answer.kind, 'found');
    assert.equal(
      readText(`${folder}/asked`),
      '--query-gpu=uuid,driver_version,memory.total,memory.used,memory.free,utilization.gpu,utilization.memory,temperature.gpu,power.draw,clocks.sm,clocks.mem,name --format=csv,noheader,nounits\n',
    );
  });

  it('is asked for instances once a minute, or when other GPUs tell no utilisation', async () => {
    const folder = temporaryFolder();
    writePrintingTool(folder, 'query', outputs.olderDriver);
    writeTool(
      folder,
      'nvidia-smi',
      `echo "$1" | cut -c-7 >> '${folder}/asked'; case "$1" in -L) ;; *) exec query;; esac`,
    );
    const reader = createNvidiaSmiReader(runIn(folder));
    for (const _ of [1, 2]) assert.equal((await reader.read(signal)).kind, 'found');
    assert.equal(readText(`${folder}/asked`), '--query\n-L\n--query\n');
    writePrintingTool(folder, 'query', outputs.migGpu);
    await reader.read(signal);
    assert.equal(readText(`${folder}/asked`), '--query\n-L\n--query\n--query\n-L\n');
  });

  it('counts by what it prints, also when it ends with an error because one GPU is gone', async () => {
    const folder = temporaryFolder();
    writePrintingTool(folder, 'query', outputs.brokenGpus);
    writeTool(folder, 'nvidia-smi', 'query; exit 15');
    const answer = await createNvidiaSmiReader(runIn(folder)).read(signal);
    assert.ok(answer.kind === 'found');
    assert.equal(answer.gpus.length, 2);
  });

  it('that only complains has failed, and says why', async () => {
    const folder = temporaryFolder();
    writeTool(
      folder,
      'nvidia-smi',
      "echo 'Failed to initialize NVML: Driver/library version mismatch' >&2; exit 18",
    );
    assert.deepEqual(await createNvidiaSmiReader(runIn(folder)).read(signal), {
      kind: 'failed',
      reason: 'nvidia-smi ended with code 18: Failed to initialize NVML: Driver/library version mismatch',
    });
  });

  it('that finds no device knows no GPU', async () => {
    const folder = temporaryFolder();
    writeTool(folder, 'nvidia-smi', "echo 'No devices were found'");
    assert.deepEqual(await createNvidiaSmiReader(runIn(folder)).read(signal), { kind: 'none' });
  });
});
