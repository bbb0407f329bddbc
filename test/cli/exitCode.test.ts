import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretAborted } from '#src/cli/askSecret.js';
import { exitCodeOf, reportFailure } from '#src/cli/exitCode.js';
import { UsageError } from '#src/cli/usageError.js';
import { NodeError } from '#src/errors/nodeError.js';

test('every failure has one exit code, whatever the command', () => {
  const cases: readonly (readonly [thrown: unknown, exitCode: number])[] = [
    [new UsageError('x'), 2],
    [new NodeError('config_invalid'), 2],
    [new NodeError('key_file'), 2],
    [new NodeError('port_in_use'), 3],
    [new NodeError('home_locked'), 3],
    [new NodeError('rpc_failed'), 1],
    [new NodeError('provider_refused'), 1],
    [new NodeError('transaction_pending'), 1],
    [new NodeError('internal_error'), 70],
    [new TypeError('x'), 70],
    ['x', 70],
    [new SecretAborted(), 130],
  ];
  for (const [thrown, exitCode] of cases) assert.equal(exitCodeOf(thrown), exitCode, String(thrown));
});

test('a mistake is one sentence, a defect has its stack, Ctrl-C has no words', () => {
  const said = (thrown: unknown): string => {
    let text = '';
    reportFailure(thrown, {
      err: (line) => {
        text += line;
      },
    });
    return text;
  };
  assert.equal(said(new UsageError('Do it so.')), 'Do it so.');
  assert.match(said(new TypeError('broken')), /broken\n\s+at /);
  assert.equal(said(new SecretAborted()), '');
});
