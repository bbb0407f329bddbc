import assert from 'node:assert/strict';
import { statfsSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { addMachineMetrics } from '#src/metrics/machineMetrics.js';
import { MetricsRegistry } from '#src/metrics/threadMetrics.js';

async function scrape(home: string): Promise<Map<string, number>> {
  const registry = new MetricsRegistry();
  addMachineMetrics(registry, home);
  const samples = [...(await registry.metrics()).matchAll(/^(fxn_\w+) (\S+)$/gm)];
  return new Map(samples.map(([, name = '', value]) => [name, Number(value)]));
}

it('tells the room of the disk that the home folder is on, and the memory of the machine', async () => {
  const found = await scrape(tmpdir());
  const { blocks, bsize } = statfsSync(tmpdir());
  const free = found.get('fxn_home_free_bytes');
  assert.equal(found.get('fxn_home_size_bytes'), blocks * bsize);
  assert.ok(free !== undefined && free > 0 && free <= blocks * bsize);
  const limit = found.get('fxn_memory_limit_bytes');
  const available = found.get('fxn_memory_available_bytes');
  assert.ok(limit !== undefined && limit > 0 && limit <= totalmem());
  assert.ok(available !== undefined && available > 0 && available <= limit);
});

it('says nothing of a disk that cannot be asked', async () => {
  const found = await scrape(join(tmpdir(), 'no such folder'));
  assert.deepEqual([...found.keys()].toSorted(), ['fxn_memory_available_bytes', 'fxn_memory_limit_bytes']);
});
