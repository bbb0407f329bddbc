import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Commitment, createCommitments } from '#src/challenge/commitments.js';
import { NodeError } from '#src/errors/nodeError.js';
import { buildRowTree } from '#src/proof/rowTree.js';

const scheduler = '0x9ec5501b7db525648c46098cce1df11ebba9c16a';
const other = '0x0172b2911af6a2491ff76ddec34acb7ae2c03ba1';

const commitment = (id: string, size = 10, rounds = 1): Commitment => ({
  id,
  caller: scheduler,
  size,
  rounds: Array.from({ length: rounds }, () => ({
    keyA: new Uint8Array(32),
    keyB: new Uint8Array(32),
    tree: buildRowTree(new Uint8Array(size * 32)),
  })),
});

function stand({ ttlMs = 60_000, budgetBytes = 1_000_000 } = {}) {
  const clock = { now: 1_750_000_000_400, nowMs: () => clock.now };
  return { clock, commitments: createCommitments({ ttlMs, budgetBytes, clock }) };
}

function codeOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (thrown) {
    return thrown instanceof NodeError ? thrown.code : String(thrown);
  }
  return 'no error';
}

describe('commitments', () => {
  it('a round is opened once, and each round on its own', () => {
    const { commitments } = stand();
    commitments.add(commitment('a', 10, 2));
    assert.equal(commitments.take('a', scheduler, undefined).round, 1);
    assert.equal(
      codeOf(() => commitments.take('a', scheduler, 1)),
      'commitment_opened',
    );
    assert.equal(commitments.take('a', scheduler, 0).round, 0);
    assert.equal(
      codeOf(() => commitments.take('a', scheduler, 0)),
      'commitment_opened',
    );
  });

  it('an opening that was given back can be asked for again', () => {
    const { commitments } = stand();
    commitments.add(commitment('a'));
    commitments.take('a', scheduler, 0).giveBack();
    assert.equal(commitments.take('a', scheduler, 0).round, 0);
  });

  it('nobody but who asked for it finds it, not even to learn that it has ended', () => {
    const { clock, commitments } = stand();
    commitments.add(commitment('a'));
    assert.equal(
      codeOf(() => commitments.take('a', other, 0)),
      'commitment_not_found',
    );
    assert.equal(
      codeOf(() => commitments.take('b', scheduler, 0)),
      'commitment_not_found',
    );
    clock.now += 120_000;
    assert.equal(
      codeOf(() => commitments.take('a', other, 0)),
      'commitment_not_found',
    );
    assert.equal(
      codeOf(() => commitments.take('a', scheduler, 0)),
      'commitment_expired',
    );
  });

  it('lives as long as it says, and not a millisecond longer', () => {
    const { clock, commitments } = stand();
    const expiresAtS = commitments.add(commitment('a', 10, 2));
    assert.equal(expiresAtS, 1_750_000_061);
    clock.now = expiresAtS * 1_000 - 1;
    assert.equal(commitments.take('a', scheduler, 0).round, 0);
    assert.equal(commitments.held, 1);
    clock.now = expiresAtS * 1_000;
    assert.equal(
      codeOf(() => commitments.take('a', scheduler, 1)),
      'commitment_expired',
    );
    assert.equal(commitments.held, 0);
  });

  it('a round that is not there is refused and opens nothing', () => {
    const { commitments } = stand();
    commitments.add(commitment('a', 10, 2));
    assert.equal(
      codeOf(() => commitments.take('a', scheduler, 2)),
      'invalid_payload',
    );
    assert.equal(commitments.take('a', scheduler, 1).round, 1);
  });

  it('the oldest gives way when products over the budget would be held', () => {
    const { commitments } = stand({ budgetBytes: 1_000 });
    for (const id of ['a', 'b', 'c']) commitments.add(commitment(id));
    assert.equal(
      codeOf(() => commitments.take('a', scheduler, 0)),
      'commitment_not_found',
    );
    assert.equal(commitments.take('b', scheduler, 0).commitment.id, 'b');
    assert.equal(commitments.take('c', scheduler, 0).commitment.id, 'c');
    commitments.add(commitment('whole', 15));
    assert.equal(commitments.held, 1);
  });

  it('the oldest gives way when tiny products of very many rounds would fill the memory that the budget does not see', () => {
    const { commitments } = stand({ budgetBytes: 1_000_000_000 });
    for (let i = 0; i < 40; i++) commitments.add(commitment(`c${i}`, 1, 4_096));
    assert.equal(commitments.held, 16);
    assert.equal(commitments.take('c39', scheduler, 4_095).round, 4_095);
    assert.equal(
      codeOf(() => commitments.take('c23', scheduler, 0)),
      'commitment_not_found',
    );
  });

  it('one that is over the budget by itself is refused before anything is computed', () => {
    const { commitments } = stand({ budgetBytes: 800 });
    assert.equal(
      codeOf(() => commitments.checkCost(10, 2)),
      'no error',
    );
    assert.equal(
      codeOf(() => commitments.checkCost(10, 3)),
      'invalid_payload',
    );
    assert.equal(
      codeOf(() => commitments.checkCost(15, 1)),
      'invalid_payload',
    );
  });

  it('ended ones free the budget', () => {
    const { clock, commitments } = stand({ budgetBytes: 400, ttlMs: 1_000 });
    commitments.add(commitment('a'));
    clock.now += 5_000;
    commitments.add(commitment('b'));
    assert.equal(
      codeOf(() => commitments.take('a', scheduler, 0)),
      'commitment_expired',
    );
    assert.equal(commitments.take('b', scheduler, 0).round, 0);
  });
});
