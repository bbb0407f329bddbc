import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeAbiParameters, encodeErrorResult, type Hex, parseAbi } from 'viem';
import { chainFailure } from '#src/contracts/chainFailure.js';
import { decodeRevert, revertReason } from '#src/contracts/revertReason.js';

const errorOf = (text: string): Hex =>
  `0x08c379a0${encodeAbiParameters([{ type: 'string' }], [text]).slice(2)}`;
const panicOf = (code: bigint): Hex =>
  `0x4e487b71${encodeAbiParameters([{ type: 'uint256' }], [code]).slice(2)}`;

test("tells the contract's own text, without what would move the cursor", () => {
  assert.equal(decodeRevert(errorOf('id taken')), '"id taken"');
  assert.equal(decodeRevert(errorOf('a\x1b[2Jb')), '"a\\u{1b}[2Jb"');
});

test('tells panics and the standard errors of tokens and registries in words', () => {
  assert.equal(decodeRevert(panicOf(0x11n)), 'it ran into an arithmetic overflow');
  assert.equal(decodeRevert(panicOf(0x99n)), 'it ran into panic 153');
  const abi = parseAbi([
    'error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)',
  ]);
  const spender = '0x7C8e239F9A26D7fd081Db72A2A23F4E9CA35E16b';
  const data = encodeErrorResult({ abi, errorName: 'ERC20InsufficientAllowance', args: [spender, 1n, 2n] });
  assert.equal(
    decodeRevert(data),
    `too few tokens are approved for the contract: ERC20InsufficientAllowance(${spender}, 1, 2)`,
  );
});

test('says what is known of bytes that nobody can read', () => {
  assert.equal(decodeRevert('0x'), 'it gave no reason');
  assert.match(decodeRevert('0x12345678'), /does not list \(selector 0x12345678\)/);
  assert.match(decodeRevert('0x08c379a0ff'), /does not list \(selector 0x08c379a0\)/);
});

test('falls back on what the endpoint says', () => {
  const failure = chainFailure('reverted', 'refused', { said: 'execution reverted: not the owner' });
  assert.equal(revertReason(failure), 'the endpoint says "execution reverted: not the owner"');
});
