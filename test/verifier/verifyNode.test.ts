/** The verifier against honest provers, and against dishonest ones of every kind. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { personalDigest } from '#src/auth/digest.js';
import { createNodeKey } from '#src/keys/nodeKey.js';
import { deferred } from '#src/lib/deferred.js';
import { commitStatement } from '#src/proof/commitStatement.js';
import { AnswerTooLarge, type Ask, type NodeAnswer } from '#src/verifier/collectEvidence.js';
import { type RefusalReason, refusalReasons, type Verdict } from '#src/verifier/verdict.js';
import { type VerifyOptions, verifyNode, verifyNodes } from '#src/verifier/verifyNode.js';
import { bytesOf, gatewayKey, schedulerKey } from '#test/keys/publicTestKeys.js';
import { goldenAddress, goldenChainId, goldenRoots } from '#test/proof/golden.js';
import {
  type CommitAnswer,
  type OpenAnswer,
  proverAddress,
  proverChainId,
  refusal,
  ScriptedProver,
  signatureText,
} from './scriptedProver.js';

const clock = { nowMs: () => Date.now() };
const nowInS = (): number => Math.floor(Date.now() / 1_000);

const verify = (ask: Ask, options: Partial<VerifyOptions> = {}): Promise<Verdict> =>
  verifyNode({
    ask,
    address: proverAddress,
    chainId: proverChainId,
    size: 24,
    rounds: 2,
    rows: 12,
    clock,
    ...options,
  });

/** An honest prover whose answers are changed on their way. */
interface Changes {
  readonly commit?: (answer: CommitAnswer, payload: Readonly<Record<string, unknown>>) => unknown;
  readonly open?: (answer: OpenAnswer, payload: Readonly<Record<string, unknown>>) => unknown;
}

const changed =
  ({ commit, open }: Changes, prover = new ScriptedProver()): Ask =>
  async (type, payload, ...rest) => {
    const answer = await prover.ask(type, payload, ...rest);
    const body =
      type === 'MATRIX_MULTIPLICATION'
        ? commit?.(answer.body as CommitAnswer, payload)
        : open?.(answer.body as OpenAnswer, payload);
    return { ...answer, body: body === undefined ? answer.body : body };
  };

const answerWith = (status: number, body: unknown): NodeAnswer => ({
  status,
  body,
  sentAtMs: 0,
  answeredAtMs: 1,
});

function signedAgain(answer: CommitAnswer, seed: unknown, size: number, keyHex: string): CommitAnswer {
  const { commitmentId, chainId, roots } = answer.proof;
  const statement = commitStatement({ commitmentId, seed: seed as string, size, chainId, roots });
  const signature = signatureText(createNodeKey(bytesOf(keyHex)).sign(personalDigest(statement)));
  return { ...answer, proof: { ...answer.proof, signature } };
}

describe('an honest prover', () => {
  for (const { seedByte, size, roots } of goldenRoots) {
    it(`is verified at size ${size} with the known roots`, async () => {
      let seedDrawn = false;
      const random = (bytes: number): Uint8Array => {
        if (seedDrawn) return randomBytes(bytes);
        seedDrawn = true;
        return new Uint8Array(bytes).fill(seedByte);
      };
      let stated: readonly string[] = [];
      const ask = changed({
        commit: (answer) => {
          stated = answer.proof.roots;
        },
      });
      const verdict = await verify(ask, {
        address: goldenAddress,
        chainId: goldenChainId,
        size,
        rounds: roots.length,
        rows: 64,
        random,
      });
      assert.equal(verdict.verified, true, JSON.stringify(verdict));
      assert.deepEqual(stated, roots);
      assert.equal(verdict.rows, Math.min(64, size));
    });
  }

  it('gets its time from the clock of the verifier, and its claim beside it', async () => {
    const verdict = await verify(new ScriptedProver().ask, { size: 100, rounds: 1 });
    assert.equal(verdict.verified, true);
    assert.equal(verdict.reason, null);
    assert.equal(Math.round(verdict.timeMs!), 250);
    assert.equal(verdict.tops!.toPrecision(4), '0.000008000');
    assert.deepEqual(verdict.claim, { backend: 'cpu', device: 'plain loops', timeMs: 12.5, tops: 0.0035 });
  });

  it('is judged with the chance that a prover who skipped rows would have passed', async () => {
    const { passChances } = await verify(new ScriptedProver().ask, { rows: 10 });
    assert.deepEqual(
      passChances.map(({ skippedShare, chance }) => [skippedShare, chance.toFixed(4)]),
      [
        [0.01, '0.9044'],
        [0.05, '0.5987'],
        [0.1, '0.3487'],
        [0.5, '0.0010'],
      ],
    );
  });

  it('is asked with a fresh seed and a fresh nonce for every round', async () => {
    const seen: unknown[] = [];
    const rounds: unknown[] = [];
    const prover = new ScriptedProver();
    const ask: Ask = (type, payload, ...rest) => {
      seen.push(payload['seed'] ?? payload['nonce']);
      rounds.push(payload['round']);
      return prover.ask(type, payload, ...rest);
    };
    await verify(ask, { rounds: 3, backend: 'cpu' });
    await verify(ask, { rounds: 3 });
    assert.deepEqual(rounds, [undefined, 0, 1, 2, undefined, 0, 1, 2]);
    assert.equal(new Set(seen).size, 8);
    assert.ok(seen.every((text) => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text)));
  });

  it('is asked for the engine that is wanted, and for none otherwise', async () => {
    const backends: unknown[] = [];
    const ask = changed({
      commit: (_, payload) => {
        backends.push(payload['backend']);
      },
    });
    await verify(ask, { backend: 'webgpu' });
    await verify(ask);
    assert.deepEqual(backends, ['webgpu', undefined]);
  });

  it('shows a claim that would move the cursor as plain text', async () => {
    const device = `\u001b[2Jgood\u202e\n${'x'.repeat(500)}`;
    const verdict = await verify(changed({ commit: (answer) => ({ ...answer, device, backend: 7 }) }));
    assert.equal(verdict.verified, true);
    assert.match(verdict.claim!.device!, /^\?\[2Jgood\?\?x{110}$/);
    assert.equal(verdict.claim!.backend, null);
  });
});

describe('several nodes', () => {
  /** Notes when it is asked, when it has answered and what is done with it. */
  const noting = (events: string[], name: string, ask: Ask): VerifyOptions => ({
    ask: async (type, ...rest) => {
      events.push(type === 'MATRIX_MULTIPLICATION' ? `${name} asked` : `${name} asked to open`);
      const answer = await ask(type, ...rest);
      if (type === 'MATRIX_MULTIPLICATION') events.push(`${name} answered`);
      return answer;
    },
    onStep: (step) => {
      if (step === 'checking') events.push(`${name} checked`);
    },
    address: proverAddress,
    chainId: proverChainId,
    size: 8,
    rounds: 1,
    rows: 4,
    clock,
  });

  /** Waits with the commitment. */
  const after =
    (event: Promise<void>, ask: Ask): Ask =>
    async (type, ...rest) => {
      if (type === 'MATRIX_MULTIPLICATION') await event;
      return ask(type, ...rest);
    };

  it('are all asked at once, opened when all were timed, and judged when all has come', async () => {
    const events: string[] = [];
    const timed = deferred();
    const quick = noting(events, 'quick', new ScriptedProver().ask);
    const slow = noting(events, 'slow', after(timed.promise, new ScriptedProver().ask));
    const verdicts = verifyNodes([quick, slow]);
    // The quick node is long done.
    setTimeout(timed.resolve, 50);
    assert.deepEqual(
      (await verdicts).map(({ verified }) => verified),
      [true, true],
    );
    assert.deepEqual(events.slice(0, 4), ['quick asked', 'slow asked', 'quick answered', 'slow answered']);
    assert.deepEqual(events.slice(4, 6).sort(), ['quick asked to open', 'slow asked to open']);
    assert.deepEqual(events.slice(6), ['quick checked', 'slow checked']);
  });

  it('do not wait for a slow one until their commitments run out', async () => {
    const events: string[] = [];
    const opened = deferred();
    const soon = new ScriptedProver();
    // Half of this life is over at once.
    const shortLived: Ask = async (type, ...rest) => {
      if (type === 'MATRIX_MULTIPLICATION_OPEN') opened.resolve();
      const answer = await soon.ask(type, ...rest);
      if (type !== 'MATRIX_MULTIPLICATION') return answer;
      return { ...answer, body: proofOf(answer.body as CommitAnswer, () => ({ expiresAt: nowInS() })) };
    };
    const quick = noting(events, 'quick', shortLived);
    const slow = noting(events, 'slow', after(opened.promise, new ScriptedProver().ask));
    const verdicts = await verifyNodes([quick, slow]);
    assert.deepEqual(
      verdicts.map(({ verified }) => verified),
      [true, true],
    );
  });

  it('do not wait for one that cannot be reached', async () => {
    const lost = noting([], 'lost', () => Promise.reject(new Error('no route')));
    const verdicts = await verifyNodes([lost, noting([], 'good', new ScriptedProver().ask)]);
    assert.deepEqual(
      verdicts.map(({ reason }) => reason),
      ['unreachable', null],
    );
  });

  it('are all challenged again, with other seeds, when one of them has only just started', async () => {
    const seeds: unknown[] = [];
    const note = (ask: Ask, tooEarly: number): Ask => {
      let refused = 0;
      return async (type, payload, ...rest) => {
        if (type !== 'MATRIX_MULTIPLICATION') return ask(type, payload, ...rest);
        seeds.push(payload['seed']);
        if (refused++ < tooEarly) return answerWith(401, refusal(401, 'auth_expired').body);
        return ask(type, payload, ...rest);
      };
    };
    const old = noting([], 'old', note(new ScriptedProver().ask, 0));
    const young = noting([], 'young', note(new ScriptedProver().ask, 1));
    assert.deepEqual(
      (await verifyNodes([old, young])).map(({ verified }) => verified),
      [true, true],
    );
    assert.equal(new Set(seeds).size, 4);
    const stubborn = noting([], 'stubborn', note(new ScriptedProver().ask, 9));
    const verdict = await verifyNode(stubborn);
    assert.ok(!verdict.verified);
    assert.equal(verdict.code, 'auth_expired');
    assert.equal(seeds.length, 6);
  });

  it('do not get a common seed', async () => {
    const seeds = new Set<unknown>();
    const ask = changed({
      commit: (_, payload) => {
        seeds.add(payload['seed']);
      },
    });
    const node = { ask, address: proverAddress, chainId: proverChainId, size: 4, rounds: 1, rows: 4, clock };
    await verifyNodes([node, node, node]);
    assert.equal(seeds.size, 3);
  });
});

describe('a dishonest prover is refused', () => {
  interface Case {
    readonly what: string;
    readonly ask: Ask;
    readonly reason: RefusalReason;
    /** Round and row, where the place must be told. */
    readonly round?: number;
    readonly options?: Partial<VerifyOptions>;
    readonly code?: string;
  }

  const everyRow = { rows: 1_024 };
  const spoiling = (spoil: (cells: Int32Array) => void): Ask =>
    new ScriptedProver({ spoilProduct: spoil }).ask;
  const add = (cells: Int32Array, at: number, by: number): void => {
    cells[at] = cells[at]! + by;
  };
  const commit = (change: Changes['commit'] & object) => changed({ commit: change });
  const proofWith = (members: object) =>
    commit((answer) => ({ ...answer, proof: { ...answer.proof, ...members } }));
  const open = (change: (answer: OpenAnswer) => unknown) =>
    changed({ open: (answer) => change(structuredClone(answer)) });
  const firstRow = (change: (row: OpenAnswer['rows'][number]) => object) =>
    open((answer) => ({ ...answer, rows: [change(answer.rows[0]!), ...answer.rows.slice(1)] }));

  const olderCommitments = new ScriptedProver();
  const otherNode = new ScriptedProver({ privateKeyHex: gatewayKey.privateKeyHex });
  let nowS = 1_000_000;
  const expiring = new ScriptedProver({ nowS: () => nowS });

  const cases: readonly Case[] = [
    {
      what: 'that changed one cell by one',
      ask: spoiling((cells) => add(cells, 24 * 7 + 3, 1)),
      reason: 'wrong_values',
      round: 0,
      options: everyRow,
    },
    {
      what: 'that changed a cell by a 31-bit prime',
      ask: spoiling((cells) => add(cells, 0, 2_147_483_647)),
      reason: 'wrong_values',
      options: everyRow,
    },
    {
      what: 'whose two wrong cells cancel in the sum of the row',
      ask: spoiling((cells) => {
        add(cells, 4, 2_147_483_629);
        add(cells, 5, -2_147_483_629);
      }),
      reason: 'wrong_values',
      options: everyRow,
    },
    {
      what: 'that skipped half of the rows',
      ask: spoiling((cells) => cells.fill(0, 0, 12 * 24)),
      reason: 'wrong_values',
      options: { rows: 13 },
    },
    {
      what: 'that swapped two rows of the product',
      ask: spoiling((cells) => {
        const first = cells.slice(0, 24);
        cells.copyWithin(0, 24, 48);
        cells.set(first, 24);
      }),
      reason: 'wrong_values',
      options: everyRow,
    },
    {
      what: 'that answers a new seed with the commitment of an older one',
      ask: async (type, payload, ...rest) => {
        const stale = { ...payload, seed: 'ab'.repeat(32) };
        return olderCommitments.ask(type, type === 'MATRIX_MULTIPLICATION' ? stale : payload, ...rest);
      },
      reason: 'bad_signature',
    },
    {
      what: 'that signed an older product for the new seed',
      ask: async (type, payload, ...rest) => {
        if (type !== 'MATRIX_MULTIPLICATION') return olderCommitments.ask(type, payload, ...rest);
        const answer = await olderCommitments.ask(type, { ...payload, seed: 'ab'.repeat(32) }, ...rest);
        const stale = answer.body as CommitAnswer;
        return { ...answer, body: signedAgain(stale, payload['seed'], 24, schedulerKey.privateKeyHex) };
      },
      reason: 'wrong_values',
    },
    { what: "that shows another node's commitment", ask: otherNode.ask, reason: 'wrong_address' },
    {
      what: "that puts its address on another node's commitment",
      ask: changed(
        { commit: (answer) => ({ ...answer, proof: { ...answer.proof, address: proverAddress } }) },
        otherNode,
      ),
      reason: 'bad_signature',
    },
    {
      what: "that signed another node's product",
      ask: changed(
        {
          commit: (answer, { seed }) => {
            const own = { ...answer, proof: { ...answer.proof, address: proverAddress } };
            return signedAgain(own, seed, 24, schedulerKey.privateKeyHex);
          },
        },
        otherNode,
      ),
      reason: 'wrong_values',
    },
    {
      what: 'whose commitment another key signed',
      ask: commit((answer, { seed }) => signedAgain(answer, seed, 24, gatewayKey.privateKeyHex)),
      reason: 'bad_signature',
    },
    {
      what: 'that signed another size',
      ask: commit((answer, { seed }) => signedAgain(answer, seed, 23, schedulerKey.privateKeyHex)),
      reason: 'bad_signature',
    },
    {
      what: 'that worked for another chain',
      ask: new ScriptedProver({ chainId: 8_453 }).ask,
      reason: 'wrong_chain',
    },
    {
      what: 'that only states the chain',
      ask: changed(
        { commit: (answer) => ({ ...answer, proof: { ...answer.proof, chainId: proverChainId } }) },
        new ScriptedProver({ chainId: 8_453 }),
      ),
      reason: 'bad_signature',
    },
    {
      what: 'that invented the root of the first round and computed the second from it',
      ask: new ScriptedProver({
        inventRoot: (round) => (round === 0 ? new Uint8Array(32).fill(9) : undefined),
      }).ask,
      reason: 'wrong_path',
      round: 0,
    },
    {
      what: 'that committed to zeros in the first round and computed the second',
      ask: new ScriptedProver({
        spoilProduct: (cells, round) => {
          if (round === 0) cells.fill(0);
        },
      }).ask,
      reason: 'wrong_values',
      round: 0,
    },
    {
      what: 'that computed only the first round',
      ask: new ScriptedProver({
        spoilProduct: (cells, round) => {
          if (round === 1) cells.fill(1);
        },
      }).ask,
      reason: 'wrong_values',
      round: 1,
    },
    {
      what: 'whose merkleRoot is not its last root',
      ask: commit((answer) => ({ ...answer, merkleRoot: answer.proof.roots[0] })),
      reason: 'wrong_root',
    },
    { what: 'of another version', ask: proofWith({ version: 'fxn-matmul-2' }), reason: 'wrong_version' },
    {
      what: 'that multiplied another size',
      ask: commit((answer) => ({ ...answer, matrixSize: 12 })),
      reason: 'wrong_size',
    },
    { what: 'whose commitment is out of date', ask: proofWith({ expiresAt: 1_000 }), reason: 'expired' },
    {
      what: 'with a root too few',
      ask: commit((answer) => proofOf(answer, (p) => ({ roots: p.roots.slice(1) }))),
      reason: 'malformed',
    },
    {
      what: 'with a million roots',
      ask: proofWith({ roots: new Array(1_000_000).fill(`0x${'00'.repeat(32)}`) }),
      reason: 'malformed',
    },
    {
      what: 'whose commitmentId would add a line',
      ask: proofWith({ commitmentId: 'a\nb' }),
      reason: 'malformed',
    },
    {
      what: 'without a proof',
      ask: commit((answer) => ({ ...answer, proof: undefined })),
      reason: 'malformed',
    },
    {
      what: 'with half a signature',
      ask: proofWith({ signature: `0x${'11'.repeat(32)}` }),
      reason: 'malformed',
    },
    {
      what: 'with a signature of zeros',
      ask: proofWith({ signature: `0x${'00'.repeat(65)}` }),
      reason: 'bad_signature',
    },
    {
      what: 'that opens another round',
      ask: open((answer) => ({ ...answer, round: 1 - answer.round })),
      reason: 'wrong_round',
      round: 0,
    },
    {
      what: 'that shows the rows of another round',
      ask: (() => {
        const prover = new ScriptedProver();
        return async (type, payload, ...rest) => {
          if (type === 'MATRIX_MULTIPLICATION') return prover.ask(type, payload, ...rest);
          const answer = await prover.ask(type, { ...payload, round: 1 }, ...rest);
          return { ...answer, body: { ...(answer.body as OpenAnswer), round: 0 } };
        };
      })(),
      reason: 'wrong_path',
      round: 0,
    },
    {
      what: 'that shows rows of its own choice',
      ask: changed(
        {},
        new (class extends ScriptedProver {
          override open(payload: Readonly<Record<string, unknown>>) {
            return super.open({ ...payload, nonce: '00'.repeat(32) });
          }
        })(),
      ),
      reason: 'wrong_rows',
    },
    {
      what: 'that shows the rows in another order',
      ask: open((answer) => ({ ...answer, rows: answer.rows.reverse() })),
      reason: 'wrong_rows',
    },
    {
      what: 'that shows one row twice',
      ask: open((answer) => ({ ...answer, rows: [answer.rows[0], ...answer.rows.slice(0, -1)] })),
      reason: 'wrong_rows',
    },
    {
      what: 'that shows a row too few',
      ask: open((answer) => ({ ...answer, rows: answer.rows.slice(1) })),
      reason: 'wrong_rows',
    },
    {
      what: 'that shows a million rows',
      ask: open((answer) => ({ ...answer, rows: new Array(1_000_000).fill(answer.rows[0]) })),
      reason: 'wrong_rows',
    },
    {
      what: 'that repairs a row after it committed',
      ask: firstRow((row) => ({ ...row, values: Buffer.alloc(24 * 4).toString('base64') })),
      reason: 'wrong_path',
    },
    {
      what: 'whose path is of another row',
      ask: open((answer) => {
        const [first, second, ...others] = answer.rows;
        return { ...answer, rows: [{ ...first, path: second!.path }, second, ...others] };
      }),
      reason: 'wrong_path',
    },
    {
      what: 'whose path is too short',
      ask: firstRow((row) => ({ ...row, path: row.path.slice(1) })),
      reason: 'wrong_path',
    },
    {
      what: 'whose path is without end',
      ask: firstRow((row) => ({ ...row, path: new Array(100_000).fill(row.path[0]) })),
      reason: 'malformed',
    },
    {
      what: 'whose base64 is cut off',
      ask: firstRow((row) => ({ ...row, values: row.values.slice(0, -4) })),
      reason: 'malformed',
    },
    {
      what: 'whose base64 has a foreign character',
      ask: firstRow((row) => ({ ...row, values: `-${row.values.slice(1)}` })),
      reason: 'malformed',
    },
    {
      what: 'that sends a megabyte for a row',
      ask: firstRow((row) => ({ ...row, values: 'A'.repeat(1_000_000) })),
      reason: 'malformed',
    },
    {
      what: 'that sends more than an answer can need',
      ask: async (_type, _payload, _signal, maxBytes) => {
        throw new AnswerTooLarge(maxBytes);
      },
      reason: 'malformed',
    },
    {
      what: 'that has already shown the round to somebody',
      ask: async (type, payload, ...rest) => {
        if (type === 'MATRIX_MULTIPLICATION_OPEN') await olderCommitments.ask(type, payload, ...rest);
        return olderCommitments.ask(type, payload, ...rest);
      },
      reason: 'refused',
      round: 0,
      code: 'commitment_opened',
    },
    {
      what: 'whose commitment has run out when it is to be opened',
      ask: async (type, payload, ...rest) => {
        if (type === 'MATRIX_MULTIPLICATION_OPEN') nowS += 60;
        return expiring.ask(type, payload, ...rest);
      },
      reason: 'refused',
      code: 'commitment_expired',
      options: { clock: { nowMs: () => nowS * 1_000 } },
    },
    {
      what: 'that has no time',
      ask: async () => answerWith(429, refusal(429, 'queue_full').body),
      reason: 'refused',
      code: 'queue_full',
    },
    {
      what: 'that cannot be reached',
      ask: () => Promise.reject(new Error('nothing listens there')),
      reason: 'unreachable',
    },
    {
      what: 'that never answers',
      ask: () => new Promise(() => undefined),
      reason: 'unreachable',
      options: { deadlineMs: 20 },
    },
  ];

  for (const { what, ask, reason, round, options, code } of cases) {
    it(`${what}: ${code ?? reason}`, async () => {
      const hold = setInterval(() => undefined, 1_000);
      const verdict = await verify(ask, options).finally(() => clearInterval(hold));
      assert.equal(verdict.reason, reason, JSON.stringify(verdict));
      assert.ok(!verdict.verified);
      assert.equal(verdict.code, code ?? null);
      if (round !== undefined) assert.equal(verdict.place.round, round);
      assert.ok(verdict.detail.length > 10);
    });
  }

  it('each in one of the ways that are named, and all ways are tried', () => {
    const tried = new Set(cases.map(({ reason }) => reason));
    assert.deepEqual(
      refusalReasons.filter((reason) => !tried.has(reason)),
      [],
    );
  });

  it('with the row at which it was found out', async () => {
    const verdict = await verify(
      spoiling((cells) => add(cells, 24 * 7, 1)),
      everyRow,
    );
    assert.ok(!verdict.verified);
    assert.deepEqual(verdict.place, { step: 'opening', round: 0, row: 7 });
  });

  it('and one that skipped a few rows about as often as the chance says', async () => {
    // 6 of 24 rows skipped, 4 opened: passes with 18·17·16·15 / (24·23·22·21) = 0.288, bounded by 0.75^4 = 0.316.
    let passed = 0;
    for (let i = 0; i < 150; i++) {
      const skip = spoiling((cells) => cells.fill(0, 0, 6 * 24));
      if ((await verify(skip, { rows: 4, rounds: 1 })).verified) passed++;
    }
    // Six standard deviations to either side.
    assert.ok(passed > 10 && passed < 77, `${passed} of 150 passed`);
  });
});

const proofOf = (answer: CommitAnswer, change: (proof: CommitAnswer['proof']) => object): CommitAnswer => ({
  ...answer,
  proof: { ...answer.proof, ...change(answer.proof) },
});

describe('whatever a node answers', () => {
  const settings = { maxDepth: 3, withNullPrototype: true, withBigInt: true } as const;
  const anything = fc.oneof(
    fc.anything(settings),
    fc.json().map((text) => JSON.parse(text) as unknown),
  );
  const status = fc.constantFrom(200, 200, 200, 204, 400, 500, 0, -1);

  it('for the commitment, the end is a refusal', async () => {
    await fc.assert(
      fc.asyncProperty(anything, status, async (body, code) => {
        const verdict = await verify(async () => answerWith(code, body));
        assert.equal(verdict.verified, false);
        assert.ok(refusalReasons.includes(verdict.reason!));
      }),
    );
  });

  it('for a member of the commitment, the end is a verdict', async () => {
    const member = fc.constantFrom(
      ...['version', 'commitmentId', 'roots', 'address', 'chainId', 'expiresAt', 'signature'],
    );
    await fc.assert(
      fc.asyncProperty(member, anything, async (name, value) => {
        const verdict = await verify(
          changed({ commit: (answer) => ({ ...answer, proof: { ...answer.proof, [name]: value } }) }),
          { size: 4 },
        );
        assert.ok(verdict.verified || refusalReasons.includes(verdict.reason));
        // A date further off changes nothing that is proved; everything else does.
        if (name !== 'expiresAt') assert.equal(verdict.verified, false);
      }),
    );
  });

  it('for the opening, the end is a refusal', async () => {
    await fc.assert(
      fc.asyncProperty(anything, status, async (body, code) => {
        const prover = new ScriptedProver();
        const verdict = await verify(
          (type, ...rest) =>
            type === 'MATRIX_MULTIPLICATION'
              ? prover.ask(type, ...rest)
              : Promise.resolve(answerWith(code, body)),
          { size: 4 },
        );
        assert.equal(verdict.verified, false);
        assert.ok(refusalReasons.includes(verdict.reason!));
      }),
    );
  });

  it('for a row, the end is a refusal', async () => {
    const member = fc.constantFrom('index', 'values', 'path', undefined);
    await fc.assert(
      fc.asyncProperty(member, anything, async (name, value) => {
        const verdict = await verify(
          changed({
            open: (answer) => {
              const row = name === undefined ? value : { ...answer.rows[0], [name]: value };
              return { ...answer, rows: [row, ...answer.rows.slice(1)] };
            },
          }),
          { size: 4 },
        );
        // An index or a path may be drawn as it was.
        const isTheSame = verdict.verified && (name === 'index' || name === 'path');
        assert.ok(isTheSame || refusalReasons.includes(verdict.reason!), JSON.stringify(verdict));
      }),
    );
  });
});

describe('a verification', () => {
  it('that is broken off rejects with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('broken off');
    const pending = verify(() => new Promise(() => controller.abort(reason)), { signal: controller.signal });
    await assert.rejects(pending, reason);
  });

  it('outside the limits of the protocol is not begun', async () => {
    const ask: Ask = () => assert.fail('was asked');
    for (const options of [{ size: 0 }, { size: 133_145 }, { size: 1.5 }, { rounds: 0 }, { rows: 1_025 }]) {
      await assert.rejects(verify(ask, options), { code: 'internal_error' });
    }
  });

  it('bounds answers by what they can need at most', async () => {
    const bounds: number[] = [];
    const prover = new ScriptedProver();
    await verify((type, payload, signal, maxBytes) => {
      bounds.push(maxBytes);
      return prover.ask(type, payload, signal, maxBytes);
    });
    const [commitment, opening] = bounds;
    assert.ok(commitment! < 100_000);
    assert.ok(opening! > 12 * 24 * 4 * 1.4 && opening! < 200_000);
  });
});
