import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Runtime, runtimeProblem } from '#src/lib/supportedRuntime.js';

const sound: Runtime = { version: '22.12.0', abi: '127', platform: 'linux', arch: 'x64' };
const problem = (changes: Partial<Runtime>): string | undefined => runtimeProblem({ ...sound, ...changes });

describe('whether this Node.js can run the node', () => {
  for (const changes of [
    {},
    { version: '20.19.0', abi: '115' },
    { version: '20.20.2', abi: '115' },
    { arch: 'arm64' },
    { platform: 'darwin', arch: 'arm64' },
  ]) {
    it(`it can: ${JSON.stringify(changes)}`, () => assert.equal(problem(changes), undefined));
  }

  for (const [version, abi] of [
    ['18.20.4', '108'],
    ['20.18.3', '115'],
    ['21.7.3', '120'],
    ['23.5.0', '131'],
    ['24.0.0', '137'],
    ['26.0.0', '999'],
  ] as const) {
    it(`it cannot on Node.js ${version}, and says which versions work and how to get one`, () => {
      const message = problem({ version, abi }) ?? '';
      assert.match(message, new RegExp(`Node.js ${version.replaceAll('.', '\\.')} is not supported`));
      assert.match(message, /20\.19.* and 22/);
      assert.match(message, /npm exec --package=node@22/);
      assert.doesNotMatch(message, /\n/);
    });
  }

  for (const changes of [
    { platform: 'win32' },
    { platform: 'freebsd' },
    { arch: 'riscv64' },
    { arch: 'ia32' },
  ]) {
    it(`it cannot on ${JSON.stringify(changes)}, and names the platform`, () => {
      assert.match(problem(changes) ?? '', new RegExp(Object.values(changes).join()));
    });
  }

  it('the one that runs this test is found fit', () => {
    const { versions, platform, arch } = process;
    assert.equal(
      runtimeProblem({ version: versions.node, abi: versions.modules, platform, arch }),
      undefined,
    );
  });
});
