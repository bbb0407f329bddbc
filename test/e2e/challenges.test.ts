/** Every challenge type against a running node: what a scheduler sends and what it gets. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { recoverMessageAddress } from 'viem';
import { openedRowIndices } from '#src/proof/openedRows.js';
import { rootOfPath, rowLeaf } from '#src/proof/rowTree.js';
import { schedulerKey } from '../keys/publicTestKeys.js';
import { goldenAddress, goldenChainId, goldenRoots } from '../proof/golden.js';
import { eventually } from '../support/bypassNode.js';
import { type Answer, sendSigned, startTestStand, type TestStand } from '../support/testStand.js';

interface Proof {
  readonly version: string;
  readonly commitmentId: string;
  readonly roots: `0x${string}`[];
  readonly address: string;
  readonly chainId: number;
  readonly expiresAt: number;
  readonly signature: `0x${string}`;
}

interface MatrixAnswer {
  readonly computationTimeMs: number;
  readonly gflops: number;
  readonly backend: string;
  readonly device: string;
  readonly deviceInfo: { readonly name: string };
  readonly matrixSize: number;
  readonly merkleRoot: string;
  readonly resultSamples: readonly { row: number; col: number; value: number }[];
  readonly flops: number;
  readonly C?: number[][];
  readonly fallback?: string;
  readonly proof?: Proof;
}

interface Opening {
  readonly round: number;
  readonly rows: readonly { index: number; values: string; path: string[] }[];
}

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replace(/^0x/, ''), 'hex');
const seedOf = (byte: number): string => Buffer.alloc(32, byte).toString('hex');
const nonce = Buffer.alloc(32, 9).toString('hex');

/** Challenges to one node. */
function asking(stand: TestStand) {
  const send = (type: string, payload?: unknown, signal?: AbortSignal): Promise<Answer> =>
    sendSigned(stand.node.port, stand.scheduler, {
      path: '/challenge',
      body: JSON.stringify({ type, payload }),
      ...(signal && { signal }),
    });
  const ask = async <T>(type: string, payload?: unknown): Promise<T> => {
    const answer = await send(type, payload);
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body) as T;
  };
  return { send, ask };
}

describe('challenges', () => {
  let stand: TestStand;
  let send: ReturnType<typeof asking>['send'];
  let ask: ReturnType<typeof asking>['ask'];

  before(async () => {
    stand = await startTestStand({
      // The address that the known roots are for.
      privateKeyHex: schedulerKey.privateKeyHex,
      config: {
        node: { threads: 2, publicIp: '203.0.113.7' },
        compute: { maxMatrixSize: 512, commitmentBytes: 512 * 512 * 4, gpu: 'off' },
        challenge: { reachable: { allowHosts: ['127.0.0.1'] } },
      },
    });
    ({ send, ask } = asking(stand));
  });
  after(() => stand?.close());

  it('IDENTITY tells who the node is', async () => {
    const answer = await ask<Record<string, unknown>>('IDENTITY', { nonce });
    assert.equal(answer['publicKey'], stand.scheduler.address);
    assert.equal(answer['ipAddress'], '203.0.113.7');
    assert.equal(Buffer.from(String(answer['signature']), 'base64').length, 65);
    const identity = answer['identity'] as Record<string, string | number>;
    const { address, chainId, timestamp, signature } = identity;
    const message = ['fxn-identity/1', address, chainId, nonce, timestamp].join('\n');
    const signer = await recoverMessageAddress({ message, signature: signature as `0x${string}` });
    assert.equal(signer, stand.scheduler.address);
    assert.equal(identity['nonce'], nonce);
  });

  it('IDENTITY needs no payload, and refuses a nonce that is none', async () => {
    assert.ok(!('identity' in (await ask<object>('IDENTITY'))));
    assert.equal((await send('IDENTITY', { nonce: 'x' })).code, 'invalid_payload');
  });

  it('GPU_STATS tells what was measured, and null for what was not', async () => {
    const answer = await ask<Record<string, unknown>>('GPU_STATS', null);
    assert.deepEqual(Object.keys(answer).sort(), ['gpuStats', 'sampledAt', 'source']);
    if (answer['gpuStats'] === null) assert.deepEqual([answer['sampledAt'], answer['source']], [null, null]);
    else assert.ok(Number(answer['sampledAt']) > 1_700_000_000);
  });

  it('MATRIX_MULTIPLICATION multiplies two matrices, under either name', async () => {
    for (const [a, b] of [
      ['A', 'B'],
      ['matrixA', 'matrixB'],
    ] as const) {
      const answer = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', {
        [a]: [
          [1, 2],
          [3, 4],
        ],
        [b]: [
          [5, 6],
          [7, 8],
        ],
      });
      assert.deepEqual(answer.C, [
        [19, 22],
        [43, 50],
      ]);
      assert.equal(answer.merkleRoot, '0x93eea43e7660399dd3e4ac5e27a71f94486e4b646623f95d437ba7d75175a3b4');
      assert.deepEqual(answer.resultSamples, [
        { row: 0, col: 0, value: 19 },
        { row: 1, col: 1, value: 50 },
      ]);
      assert.deepEqual([answer.backend, answer.matrixSize, answer.flops], ['cpu', 2, 16]);
      assert.ok(answer.device.length > 0 && answer.deviceInfo.name.length > 0);
      assert.ok(answer.computationTimeMs > 0 && answer.gflops > 0);
    }
  });

  it('MATRIX_MULTIPLICATION draws matrices of a size, which wins over given ones', async () => {
    const matrices = { A: [[1]], B: [[1]] };
    const small = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { size: 100, ...matrices });
    assert.deepEqual([small.matrixSize, small.flops, small.C?.length], [100, 2e6, 100]);
    assert.equal(small.resultSamples[1]?.value, small.C?.[50]?.[50]);
    const large = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { size: 101 });
    assert.equal(large.C, undefined);
    const given = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { size: 0, ...matrices });
    assert.deepEqual(given.C, [[1]]);
  });

  it('MATRIX_MULTIPLICATION names what ran when another engine was asked for', async () => {
    const answer = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { size: 16, backend: 'cuda' });
    assert.equal(answer.backend, 'cpu');
    assert.match(answer.fallback ?? '', /no cuda engine/);
  });

  it('MATRIX_MULTIPLICATION refuses what it cannot multiply', async () => {
    const refused: object[] = [
      {},
      { size: -1 },
      { size: 1.5 },
      { size: 513 },
      { size: '8' },
      { A: [[1]] },
      { B: [[1]] },
      { A: [[1, 2], [3]], B: [[1], [2]] },
      { A: [[1, 2]], B: [[1]] },
      { A: [], B: [] },
      { A: [[]], B: [[]] },
      { A: [[null]], B: [[1]] },
      { A: [['1']], B: [[1]] },
      { A: [Array(513).fill(1)], B: Array(513).fill([1]) },
      { size: 8, backend: 'abacus' },
      { seed: 'x', size: 8 },
      { seed: seedOf(1) },
      { seed: seedOf(1), size: 0 },
      { seed: seedOf(1), size: 8, rounds: 0 },
      { seed: seedOf(1), size: 512, rounds: 2 },
    ];
    for (const payload of refused) {
      const answer = await send('MATRIX_MULTIPLICATION', payload);
      assert.deepEqual([answer.status, answer.code], [400, 'invalid_payload'], JSON.stringify(payload));
    }
    const infinite = await sendSigned(stand.node.port, stand.scheduler, {
      path: '/challenge',
      body: '{"type":"MATRIX_MULTIPLICATION","payload":{"A":[[1e999]],"B":[[1]]}}',
    });
    assert.deepEqual([infinite.status, infinite.code], [400, 'invalid_payload']);
  });

  it('takes large matrices, whose body is read away from main', async () => {
    const size = 200;
    const ones = Array.from({ length: size }, () => Array(size).fill(1));
    const answer = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { A: ones, B: ones, backend: 'cpu' });
    assert.deepEqual(
      answer.resultSamples.map(({ value }) => value),
      [size, size],
    );
    const wide = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', {
      A: ones.slice(0, 100),
      B: ones.map((row) => [...row, ...row]),
    });
    assert.equal(wide.C?.length, 100);
    assert.ok(wide.C.every((row) => row.length === 2 * size && row.every((cell) => cell === size)));
  });

  it('refuses large bodies of other types, and broken ones', async () => {
    const padding = 'x'.repeat(70_000);
    assert.equal((await send('IDENTITY', { padding })).code, 'invalid_payload');
    assert.equal((await send('NO_SUCH_TYPE', { padding })).code, 'unknown_type');
    const ragged = [Array(40_000).fill(1), [1]];
    assert.equal((await send('MATRIX_MULTIPLICATION', { A: ragged, B: ragged })).code, 'invalid_payload');
    const broken = await sendSigned(stand.node.port, stand.scheduler, {
      path: '/challenge',
      body: `{"type":"MATRIX_MULTIPLICATION","payload":{"A":[[${'1,'.repeat(40_000)}`,
    });
    assert.deepEqual([broken.status, broken.code], [400, 'invalid_json']);
  });

  it('proof mode commits to the known roots, signed by the node', async () => {
    for (const { seedByte, size, roots } of goldenRoots) {
      const seed = seedOf(seedByte);
      const answer = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', {
        seed: seed.toUpperCase(),
        size,
        rounds: roots.length,
      });
      const { proof } = answer;
      assert.deepEqual(proof?.roots, roots);
      assert.equal(answer.merkleRoot, roots.at(-1));
      assert.equal(answer.C, undefined);
      assert.deepEqual(
        [proof?.version, proof?.address.toLowerCase(), proof?.chainId],
        ['fxn-matmul-1', goldenAddress, goldenChainId],
      );
      const lines = ['fxn-matmul-1/commit', proof?.commitmentId, seed, size, goldenChainId, ...roots];
      const signer = await recoverMessageAddress({
        message: lines.join('\n'),
        signature: proof!.signature,
      });
      assert.equal(signer.toLowerCase(), goldenAddress);
    }
  });

  it('an opening shows the rows that the nonce picks, each round once, at whatever front', async () => {
    const size = 256;
    const { proof } = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { seed: seedOf(7), size });
    const { commitmentId, roots } = proof!;
    const open = { commitmentId, nonce, rows: 16 };
    for (const wrong of [
      { ...open, nonce: 'x' },
      { ...open, rows: 0 },
      { ...open, rows: 1_025 },
      { ...open, round: 1 },
      { ...open, round: -1 },
      { nonce, rows: 1 },
    ]) {
      const answer = await send('MATRIX_MULTIPLICATION_OPEN', wrong);
      assert.deepEqual([answer.status, answer.code], [400, 'invalid_payload'], JSON.stringify(wrong));
    }
    const opening = await ask<Opening>('MATRIX_MULTIPLICATION_OPEN', open);
    const expected = openedRowIndices({ roots: roots.map(bytesOf), nonce: bytesOf(nonce), rows: 16, size });
    assert.equal(opening.round, 0);
    assert.deepEqual(
      opening.rows.map(({ index }) => index),
      expected,
    );
    for (const { index, values, path } of opening.rows) {
      const row = Buffer.from(values, 'base64');
      assert.equal(row.length, size * 4);
      const root = rootOfPath(rowLeaf(index, row), index, size, path.map(bytesOf));
      assert.equal(`0x${Buffer.from(root ?? []).toString('hex')}`, roots[0]);
    }
    const again = await Promise.all(
      Array.from({ length: 8 }, () => send('MATRIX_MULTIPLICATION_OPEN', { ...open, nonce: seedOf(1) })),
    );
    assert.ok(again.every(({ status, code }) => status === 409 && code === 'commitment_opened'));
  });

  it('an opening of megabytes comes whole, piece by piece', async () => {
    const size = 512;
    const { proof } = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { seed: seedOf(9), size });
    const { commitmentId, roots } = proof!;
    const opening = await ask<Opening>('MATRIX_MULTIPLICATION_OPEN', { commitmentId, nonce, rows: 1_024 });
    assert.equal(opening.rows.length, size);
    for (const { index, values, path } of opening.rows) {
      const root = rootOfPath(rowLeaf(index, Buffer.from(values, 'base64')), index, size, path.map(bytesOf));
      assert.equal(`0x${Buffer.from(root ?? []).toString('hex')}`, roots[0]);
    }
  });

  it('of openings raced at all fronts one is answered', async () => {
    const { proof } = await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { seed: seedOf(8), size: 128 });
    const { commitmentId } = proof!;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send('MATRIX_MULTIPLICATION_OPEN', { commitmentId, nonce, rows: 8 })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(19).fill(409)]);
  });

  it('the oldest commitment gives way to a new one that needs its room', async () => {
    const commit = async (byte: number): Promise<string> =>
      (await ask<MatrixAnswer>('MATRIX_MULTIPLICATION', { seed: seedOf(byte), size: 400 })).proof!
        .commitmentId;
    const [first, second] = [await commit(1), await commit(2)];
    const open = (commitmentId: string) =>
      send('MATRIX_MULTIPLICATION_OPEN', { commitmentId, nonce, rows: 1 });
    assert.deepEqual((({ status, code }) => [status, code])(await open(first)), [
      404,
      'commitment_not_found',
    ]);
    assert.equal((await open(second)).status, 200);
    assert.equal((await open('nobody knows')).code, 'commitment_not_found');
  });

  it('ENDPOINT_REACHABLE asks what it may ask', async () => {
    const url = new URL('/v1/models', stand.backend.url).href;
    assert.deepEqual(await ask('ENDPOINT_REACHABLE', url), { reachable: true });
    const closed = await ask<{ reachable: boolean; error: string }>(
      'ENDPOINT_REACHABLE',
      'http://127.0.0.1:9',
    );
    assert.deepEqual([closed.reachable, typeof closed.error], [false, 'string']);
    for (const refused of [
      'http://127.0.0.2/',
      'http://169.254.169.254/latest',
      'ftp://127.0.0.1/',
      'x',
      1,
    ]) {
      const answer = await send('ENDPOINT_REACHABLE', refused);
      assert.deepEqual([answer.status, answer.code], [400, 'invalid_payload'], String(refused));
    }
  });

  it('metrics and log tell of each challenge, with the reason of a refusal', async () => {
    const { node } = stand;
    const answered = await node.metric('fxn_challenge_requests_total', {
      type: 'MATRIX_MULTIPLICATION',
      outcome: 'answered',
    });
    assert.ok((answered ?? 0) >= 10);
    const refusedBefore = await node.metric('fxn_challenge_requests_total', { outcome: 'unknown_type' });
    await send('WHATEVER_NEXT', {});
    const refused = await node.metric('fxn_challenge_requests_total', { outcome: 'unknown_type' });
    assert.equal(refused, (refusedBefore ?? 0) + 1);
    assert.ok(((await node.metric('challenge_matrix_mult_backend_total', { backend: 'cpu' })) ?? 0) >= 10);
    assert.ok(((await node.metric('challenge_matrix_mult_duration_ms_count')) ?? 0) >= 10);
    await send('MATRIX_MULTIPLICATION', { size: 64, backend: 'cpu' });
    assert.equal(await node.metric('challenge_matrix_mult_size'), 64);
    assert.ok(((await node.metric('challenge_matrix_mult_gflops')) ?? 0) > 0);
    assert.equal(await node.metric('fxn_compute_engine_up', { engine: 'wasm' }), 1);
    const line = await node.waitForLog(({ msg, size }) => msg === 'challenge' && size === 64);
    assert.deepEqual(
      [line['type'], line['engine'], line['outcome']],
      ['MATRIX_MULTIPLICATION', 'wasm', 'answered'],
    );
    await send('MATRIX_MULTIPLICATION', { size: 513 });
    const reason = await node.waitForLog(
      ({ msg, reason: why }) => msg === 'challenge refused' && /513/.test(String(why)),
    );
    assert.equal(reason['outcome'], 'invalid_payload');
  });
});

describe('challenges under pressure', () => {
  let stand: TestStand;
  let send: ReturnType<typeof asking>['send'];

  before(async () => {
    stand = await startTestStand({
      config: {
        node: { threads: 2 },
        compute: {
          threads: 1,
          maxMatrixSize: 16_384,
          maxQueued: 1,
          deadline: '3s',
          commitmentTtl: '1s',
          gpu: 'off',
        },
      },
    });
    ({ send } = asking(stand));
  });
  after(() => stand?.close());

  /** Longer than the deadline on any machine that these tests run on. */
  const endless = { seed: seedOf(3), size: 8_192 };

  it('one that takes longer than the deadline is answered with 504, and the next one is served', async () => {
    const answer = await send('MATRIX_MULTIPLICATION', endless);
    assert.deepEqual([answer.status, answer.code], [504, 'compute_timeout']);
    const next = await send('MATRIX_MULTIPLICATION', { size: 8 });
    assert.equal(next.status, 200, next.body);
  });

  it('more than may wait are refused with 429 and told when to come again', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => send('MATRIX_MULTIPLICATION', endless)),
    );
    const refused = answers.filter(({ code }) => code === 'queue_full');
    assert.equal(refused.length, 3);
    assert.ok(refused.every(({ status, headers }) => status === 429 && headers['retry-after'] !== undefined));
    assert.equal(answers.filter(({ code }) => code === 'compute_timeout').length, 2);
  });

  it('ends the computation when the scheduler leaves', async () => {
    const left = new AbortController();
    const leaving = send('MATRIX_MULTIPLICATION', endless, left.signal);
    await eventually(
      () => stand.node.metric('fxn_compute_running_jobs'),
      (running) => running === 1,
    );
    left.abort();
    await assert.rejects(leaving);
    await eventually(
      () => stand.node.metric('fxn_compute_running_jobs'),
      (running) => running === 0,
    );
    assert.equal(await stand.node.metric('fxn_challenge_requests_total', { outcome: 'left' }), 1);
    assert.equal((await send('MATRIX_MULTIPLICATION', { size: 8 })).status, 200);
  });

  it('a commitment that has ended is answered with 410', async () => {
    const answer = await send('MATRIX_MULTIPLICATION', { seed: seedOf(4), size: 16 });
    const { commitmentId, expiresAt } = (JSON.parse(answer.body) as MatrixAnswer).proof!;
    await new Promise((resolve) => setTimeout(resolve, expiresAt * 1_000 - Date.now() + 20));
    const late = await send('MATRIX_MULTIPLICATION_OPEN', { commitmentId, nonce, rows: 1 });
    assert.deepEqual([late.status, late.code], [410, 'commitment_expired']);
  });

  it('streams and other requests go on beside a computation', async () => {
    const running = send('MATRIX_MULTIPLICATION', endless);
    const identity = await send('IDENTITY', {});
    assert.equal(identity.status, 200);
    assert.equal((await running).code, 'compute_timeout');
  });
});
