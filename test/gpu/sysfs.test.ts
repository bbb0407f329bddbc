import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSysfsReader, parseCard } from '#src/gpu/sysfs.js';
import { propertyRuns } from '../runs.js';
import { temporaryFolder } from './standIns.js';

const { signal } = new AbortController();

/** Files as the Linux kernel documents them for the driver amdgpu. */
function writeCard(root: string, card: string, files: Readonly<Record<string, string>>): void {
  const device = join(root, card, 'device');
  mkdirSync(device, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(device, name), `${text}\n`);
}

const radeon = {
  vendor: '0x1002',
  mem_info_vram_total: '17163091968',
  mem_info_vram_used: '692142080',
  gpu_busy_percent: '99',
  mem_busy_percent: '40',
  unique_id: '9246a1b2c3d4e5f6',
};

describe('the files of the kernel', () => {
  it('tell of AMD cards, in the order of their numbers, and of no others', async () => {
    const root = temporaryFolder();
    writeCard(root, 'card0', { vendor: '0x1a03' });
    writeCard(root, 'card10', { ...radeon, product_name: 'AMD Radeon Pro W7700' });
    writeCard(root, 'card2', { vendor: '0x1002', mem_info_vram_total: '67108864' });
    writeCard(root, 'card3', { vendor: '0x8086', mem_info_vram_total: '1' });
    mkdirSync(join(root, 'card10-DP-1'));
    mkdirSync(join(root, 'renderD128'));
    const answer = await createSysfsReader({ root }).read(signal);
    assert.ok(answer.kind === 'found');
    assert.deepEqual(
      answer.gpus.map(({ stat }) => stat),
      [
        {
          name: null,
          driver_version: null,
          vram_total_mb: 64,
          vram_used_mb: null,
          vram_free_mb: null,
          utilization_gpu_pct: null,
          utilization_mem_pct: null,
          unavailable: [
            'name',
            'driver_version',
            'vram_used_mb',
            'vram_free_mb',
            'utilization_gpu_pct',
            'utilization_mem_pct',
          ],
        },
        {
          name: 'AMD Radeon Pro W7700',
          driver_version: null,
          vram_total_mb: 16_368,
          vram_used_mb: 660,
          vram_free_mb: 15_708,
          utilization_gpu_pct: 99,
          utilization_mem_pct: 40,
          unavailable: ['driver_version'],
        },
      ],
    );
    assert.equal(answer.gpus[1]?.detail.uuid, '9246a1b2c3d4e5f6');
  });

  it('may not exist at all', async () => {
    assert.deepEqual(await createSysfsReader({ root: '/nowhere/at/all' }).read(signal), { kind: 'absent' });
    assert.deepEqual(await createSysfsReader({ root: temporaryFolder() }).read(signal), { kind: 'none' });
  });

  it('that never answer are left at the deadline, and not read again meanwhile', async () => {
    const root = temporaryFolder();
    writeCard(root, 'card0', { ...radeon });
    const pipe = join(root, 'card0', 'device', 'gpu_busy_percent');
    execFileSync('rm', [pipe]);
    // Reading a pipe that nobody writes to waits, as a file of a wedged driver does.
    execFileSync('mkfifo', [pipe]);
    const reader = createSysfsReader({ root, deadlineMs: 100 });
    const answer = await reader.read(signal);
    assert.deepEqual(answer, { kind: 'hung', reason: 'no answer within 100 ms', process: null });
    assert.equal((await reader.read(signal)).kind, 'failed');
    // Lets the first read end.
    closeSync(openSync(pipe, constants.O_WRONLY));
    for (let attempt = 0; (await reader.read(signal)).kind === 'failed'; attempt++) {
      assert.ok(attempt < 500, 'never read again');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
  });

  it('are read whatever stands in them', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('0x1002', '-1', '1e9', '17163091968\n', '101'));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(radeon)), text), (card) => {
        const reading = parseCard({ ...card, vendor: '0x1002' });
        assert.ok((reading?.stat.utilization_gpu_pct ?? 0) <= 100);
      }),
      { numRuns: propertyRuns(5_000) },
    );
  });
});
