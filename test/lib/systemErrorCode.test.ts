import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemErrorCode } from '#src/lib/systemErrorCode.js';

test('tells the code of a system error and of nothing else', () => {
  let thrown: unknown;
  try {
    readFileSync('/no/such/file');
  } catch (error) {
    thrown = error;
  }
  assert.equal(systemErrorCode(thrown), 'ENOENT');
  const others = [
    new Error('ENOENT'),
    { code: 'ENOENT' },
    Object.assign(new Error(), { code: 2 }),
    undefined,
  ];
  for (const other of others) assert.equal(systemErrorCode(other), undefined);
});
