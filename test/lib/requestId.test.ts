import assert from 'node:assert/strict';
import { it } from 'node:test';
import { requestIdFrom } from '#src/lib/requestId.js';

const made = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

it('a harmless request id of the caller is kept', () => {
  for (const id of ['a', 'req_1.2:3-4', 'A'.repeat(128)]) assert.equal(requestIdFrom(id), id);
});

it('anything else is replaced, so that it can be logged and sent on as it is', () => {
  for (const id of [undefined, '', ' ', 'a b', 'a\r\nx: y', 'a\n', 'ä', '"', '<', '/', 'A'.repeat(129)]) {
    assert.match(requestIdFrom(id), made);
  }
});

it('every request gets its own', () => {
  assert.notEqual(requestIdFrom(undefined), requestIdFrom(undefined));
});
