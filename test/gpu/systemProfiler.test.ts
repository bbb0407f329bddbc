import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ToolCall, ToolOutcome } from '#src/gpu/runTool.js';
import { createSystemProfilerReader, parseSystemProfiler, parseVmStat } from '#src/gpu/systemProfiler.js';
import { propertyRuns } from '../runs.js';
import { appleChip, intelMac, memorySize, virtualMac, vmStat } from './fixtures/macOutputs.js';

const { signal } = new AbortController();

describe('a Mac', () => {
  it('with an Apple chip shares its memory, and its use says nothing of the GPU', () => {
    assert.deepEqual(
      parseSystemProfiler({ displays: appleChip, memorySize, vmStat }).map(({ stat }) => stat),
      [
        {
          name: 'Apple M3 Pro',
          driver_version: null,
          vram_total_mb: 18_432,
          vram_used_mb: 13_442,
          vram_free_mb: 4_990,
          utilization_gpu_pct: null,
          utilization_mem_pct: null,
          unified_memory: true,
          unavailable: ['driver_version', 'utilization_gpu_pct', 'utilization_mem_pct'],
        },
      ],
    );
  });

  it('uses what programs, kernel and compressor hold, in pages of the size that stands there', () => {
    assert.equal(parseVmStat(vmStat), (247_311 - 630 + 159_117 + 454_496) * 16_384);
    assert.equal(parseVmStat(vmStat.replace('16384', '4096')), (247_311 - 630 + 159_117 + 454_496) * 4_096);
    assert.equal(parseVmStat(vmStat.replace(/^Anonymous.*$/m, '')), undefined);
  });

  it('with a card has the memory of the card; graphics inside an Intel processor is left out', () => {
    assert.deepEqual(
      parseSystemProfiler({ displays: intelMac, memorySize, vmStat }).map(({ stat }) => [
        stat.name,
        stat.vram_total_mb,
        stat.vram_used_mb,
        stat.unified_memory,
      ]),
      [['Radeon Pro 560X', 4_096, null, undefined]],
    );
  });

  it('that is virtual has no GPU', () => {
    assert.deepEqual(parseSystemProfiler({ displays: virtualMac, memorySize, vmStat }), []);
  });

  it('is asked for its displays once, for its memory each time', async () => {
    const asked: string[] = [];
    const run = ({ command, args }: ToolCall): Promise<ToolOutcome> => {
      asked.push([command, ...args].join(' '));
      const output = command.endsWith('sysctl')
        ? memorySize
        : command.endsWith('vm_stat')
          ? vmStat
          : appleChip;
      return Promise.resolve({ kind: 'ended', exitCode: 0, output, complaint: '' });
    };
    const reader = createSystemProfilerReader(run, 'darwin');
    for (const _ of [1, 2]) assert.equal((await reader.read(signal)).kind, 'found');
    assert.deepEqual(asked, [
      '/usr/sbin/system_profiler SPDisplaysDataType -json',
      '/usr/sbin/sysctl -n hw.memsize',
      '/usr/bin/vm_stat',
      '/usr/sbin/sysctl -n hw.memsize',
      '/usr/bin/vm_stat',
    ]);
    assert.deepEqual(await createSystemProfilerReader(run, 'linux').read(signal), { kind: 'absent' });
  });

  it('is read whatever its tools print', () => {
    const key = fc.constantFrom('_name', 'sppci_model', 'spdisplays_vendor', 'spdisplays_vram');
    const list = fc.array(
      fc.oneof(
        fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.constantFrom('Apple M9', '8 GB'))),
        fc.jsonValue(),
      ),
    );
    const displays = fc.oneof(
      fc.string(),
      list.map((value) => JSON.stringify({ SPDisplaysDataType: value })),
    );
    fc.assert(
      fc.property(displays, fc.string(), fc.string(), (given, size, pages) => {
        for (const { stat } of parseSystemProfiler({ displays: given, memorySize: size, vmStat: pages })) {
          assert.equal(stat.utilization_gpu_pct, null);
        }
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });
});
