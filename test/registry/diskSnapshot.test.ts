import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type DiskSnapshot,
  loadDiskSnapshot,
  type SnapshotOrigin,
  saveDiskSnapshot,
} from '#src/registry/diskSnapshot.js';
import { temporaryFolder } from './fixture.js';

const origin: SnapshotOrigin = { registry: 'gateway', chainId: 84_532, router: '0x01', confirmations: 0 };
const snapshot: DiskSnapshot = {
  readAtMs: 1_800_000_000_000,
  registryAddress: '0x02',
  blockNumber: 5,
  blockHash: '0x03',
  blockTimestampS: 1_800_000_000,
  entries: [{ owner: '0x04', id: '0x05', paused: true }],
};

test('a snapshot is loaded as it was saved, and only for what it was made for', async () => {
  const path = join(temporaryFolder(), 'new folder', 'gateway.json');
  await saveDiskSnapshot(path, origin, snapshot);
  const loaded = loadDiskSnapshot(path, origin);
  assert.ok('snapshot' in loaded);
  assert.deepEqual({ ...loaded.snapshot }, { version: 1, ...origin, ...snapshot });

  const others: Partial<SnapshotOrigin>[] = [
    { registry: 'provider' },
    { chainId: 8_453 },
    { router: '0x09' },
    { confirmations: 1 },
  ];
  for (const other of others) {
    assert.deepEqual(loadDiskSnapshot(path, { ...origin, ...other }), { ignored: 'made for other settings' });
  }
});

test('a file that is absent and one that cannot be read are told apart', () => {
  const folder = temporaryFolder();
  assert.deepEqual(loadDiskSnapshot(join(folder, 'gateway.json'), origin), { ignored: 'absent' });
  mkdirSync(join(folder, 'provider.json'));
  assert.deepEqual(loadDiskSnapshot(join(folder, 'provider.json'), origin), { ignored: 'unreadable' });
});
