import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkedRunId } from '#src/redis/storeFacts.js';
import { StoreFailure } from '#src/redis/storeFailure.js';

const good = {
  run_id: 'e2b7c0ffee'.repeat(4),
  redis_mode: 'standalone',
  role: 'master',
  maxmemory_policy: 'noeviction',
};

const info = (fields: Readonly<Record<string, string | undefined>>): string =>
  ['# Server', ...Object.entries(fields).map(([name, value]) => `${name}:${value}`), ''].join('\r\n');

const kindOf = (fields: Record<string, string>): string => {
  try {
    checkedRunId(info(fields));
    return 'good';
  } catch (thrown) {
    assert.ok(thrown instanceof StoreFailure);
    assert.ok(thrown.remedy !== undefined, 'names a remedy');
    return thrown.kind;
  }
};

describe('what INFO says of a store', () => {
  it('is good when it never evicts, follows nobody and is one server', () => {
    assert.equal(checkedRunId(info(good)), good.run_id);
  });

  it('is refused otherwise, also where it says nothing of it', () => {
    assert.equal(kindOf({ ...good, maxmemory_policy: 'allkeys-lru' }), 'policy');
    assert.equal(kindOf({ ...good, maxmemory_policy: 'volatile-ttl' }), 'policy');
    assert.equal(kindOf({ ...good, role: 'slave' }), 'replica');
    assert.equal(kindOf({ ...good, redis_mode: 'cluster' }), 'cluster');
    assert.equal(kindOf({ ...good, run_id: '' }), 'unknown');
    for (const missing of ['run_id', 'role', 'maxmemory_policy'] as const) {
      const { [missing]: _, ...rest } = good;
      assert.notEqual(kindOf(rest as Record<string, string>), 'good', missing);
    }
  });

  it('is not mistaken for a field that ends alike', () => {
    assert.equal(kindOf({ ...good, role: 'slave', other_role: 'master' }), 'replica');
  });
});
