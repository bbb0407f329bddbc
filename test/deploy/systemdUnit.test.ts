// needs: systemd-analyze
/** The systemd unit: systemd reads it without a word, finds it well locked up, and it restarts as the exit codes ask. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exitCodes } from '#src/cli/exitCode.js';
import { temporaryFolder } from '../keys/temporaryFolder.js';
import { drainTimeoutS, readDeployed } from './deployFolder.js';

const unit = readDeployed('fxn-provider-node.service');
const settings = new Map(
  [...unit.matchAll(/^([A-Z]\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
);

const analyze = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, '--no-pager'], {
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
};

describe('the systemd unit', () => {
  it('is one that systemd understands and finds hardened', async (t) => {
    const file = join(await temporaryFolder(t), 'fxn-provider-node.service');
    const root = fileURLToPath(new URL('../../../', import.meta.url));
    const installed = unit
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('/opt/fxn-provider-node/', root);
    writeFileSync(file, installed);
    const verified = analyze('verify', '--man=no', file);
    assert.equal(verified.status, 0, verified.output);
    assert.equal(verified.output, '');
    // In tenths; "ok" ends at 4.9, and an ordinary service has 9.6.
    const secured = analyze('security', '--offline=yes', '--threshold=20', file);
    assert.equal(secured.status, 0, secured.output);
    assert.match(secured.output, /Overall exposure level for \S+: [01]\.\d/);
  });

  it('lets running answers end, and starts again what is worth it', () => {
    assert.ok(Number(/^(\d+)s$/.exec(settings.get('TimeoutStopSec') ?? '')?.[1]) > drainTimeoutS + 5);
    assert.equal(settings.get('KillMode'), 'mixed');
    assert.equal(settings.get('Restart'), 'on-failure');
    // Nothing gets better by itself when a file has to be edited.
    assert.equal(settings.get('RestartPreventExitStatus'), String(exitCodes.misused));
    assert.equal(settings.get('ExecReload'), '/bin/kill -HUP $MAINPID');
  });

  it('leaves the node what it needs: GPUs, memory that it compiles into, its home', () => {
    for (const key of ['MemoryDenyWriteExecute', 'PrivateDevices', 'ProcSubset', 'PrivateUsers']) {
      assert.ok(!settings.has(key), key);
    }
    assert.equal(settings.get('DevicePolicy'), 'closed');
    for (const device of ['char-nvidia', 'char-nvidia-uvm', 'char-drm', '/dev/kfd']) {
      assert.ok(unit.includes(`DeviceAllow=${device} rw\n`), device);
    }
    assert.equal(settings.get('DynamicUser'), 'yes');
    assert.match(settings.get('ExecStart') ?? '', / --home \$\{STATE_DIRECTORY\}$/);
    assert.equal(settings.get('StateDirectory'), 'fxn-provider-node');
  });
});
