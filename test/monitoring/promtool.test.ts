// needs: promtool
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { alerts, prometheusFolder, records, ruleFiles, rulesFolder } from './ruleFiles.js';

const promtool = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    cwd: prometheusFolder,
    encoding: 'utf8',
    timeout: 300_000,
  });
  return { status, output: stdout + stderr };
};

describe('Prometheus itself', () => {
  it('takes every rule', () => {
    const { status, output } = promtool(
      'check',
      'rules',
      '--lint-fatal',
      ...ruleFiles.map((file) => join(rulesFolder, file)),
    );
    assert.equal(status, 0, output);
    const found = [...output.matchAll(/SUCCESS: (\d+) rules found/g)].map((match) => Number(match[1]));
    assert.equal(
      found.reduce((sum, count) => sum + count, 0),
      alerts.length + records.size,
    );
  });

  it('lets each alert fire when it should, and only then', () => {
    const { status, output } = promtool('test', 'rules', 'alerts.test.yaml');
    assert.equal(status, 0, output);
    assert.match(output, /SUCCESS/);
  });
});
