import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isVirtualAdapter } from '#src/gpu/virtualAdapter.js';
import { realNames, virtualNames } from './fixtures/controllerLists.js';

describe('display adapters', () => {
  for (const name of virtualNames) {
    it(`"${name}" is no GPU`, () => assert.ok(isVirtualAdapter(name)));
  }
  for (const name of realNames) {
    it(`"${name}" is one`, () => assert.ok(!isVirtualAdapter(name)));
  }
  it('are recognised by any of their names', () => {
    assert.ok(isVirtualAdapter('Red Hat, Inc.', '', null));
    assert.ok(!isVirtualAdapter(null, undefined, ''));
  });
});
