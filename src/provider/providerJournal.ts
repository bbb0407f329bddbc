/**
 * The transactions of a request that is not finished, kept in the home folder: each is on disk, signed, before any endpoint sees
 * it. Whatever ends the program, the next one finds the same bytes and sends no second transaction. Holds no key: signed
 * bytes are public as soon as they are sent. Runs in the command line.
 */
import { readFileSync, rmSync } from 'node:fs';
import * as Type from 'typebox';
import { Check } from 'typebox/value';
import { NodeError } from '../errors/nodeError.js';
import { writeFileAtomic } from '../lib/atomicFile.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import { parseJson } from '../lib/unknownJson.js';

const hex = (pattern: string) => Type.Unsafe<`0x${string}`>({ type: 'string', pattern });
const address = () => hex('^0x[0-9a-f]{40}$');
const count = () => Type.Integer({ minimum: 0 });

const JournalStep = Type.Object({
  name: Type.String(),
  /** Whether the request is done with it. */
  isLast: Type.Boolean(),
  to: address(),
  data: hex('^0x[0-9a-f]*$'),
  nonce: count(),
  /** The height of the chain when it was signed. */
  fromBlock: count(),
  /** All forms in which it was signed, the dearest last. */
  attempts: Type.Array(Type.Object({ hash: hex('^0x[0-9a-f]{64}$'), raw: hex('^0x[0-9a-f]+$') }), {
    minItems: 1,
  }),
  /** Confirmed; absent while it is not known what became of it. */
  minedHash: Type.Optional(hex('^0x[0-9a-f]{64}$')),
});

const Journal = Type.Object({
  version: Type.Literal(1),
  chainId: count(),
  registry: address(),
  owner: address(),
  action: Type.String(),
  /** See `requestText`. */
  request: Type.String(),
  steps: Type.Array(JournalStep),
});

export type JournalStep = Type.Static<typeof JournalStep>;
export type Journal = Type.Static<typeof Journal>;

export interface JournalFile {
  readonly path: string;
  /** `undefined` when there is none; throws `transaction_failed` for a file that is no journal. */
  read(): Journal | undefined;
  write(journal: Journal): Promise<void>;
  remove(): void;
}

export function openJournal(path: string): JournalFile {
  return {
    path,
    read() {
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch (thrown) {
        if (systemErrorCode(thrown) === 'ENOENT') return undefined;
        throw unreadable(path, `cannot be read (${systemErrorCode(thrown) ?? 'unknown error'})`, thrown);
      }
      const journal = parseJson(text);
      if (!Check(Journal, journal)) throw unreadable(path, 'is no journal of transactions');
      return journal;
    },
    write: (journal) => writeFileAtomic(path, `${JSON.stringify(journal, null, 2)}\n`, { mode: 0o600 }),
    remove: () => rmSync(path, { force: true }),
  };
}

const unreadable = (path: string, what: string, cause?: unknown): NodeError =>
  new NodeError('transaction_failed', {
    message: `${path} ${what}. It held the transactions of a command that was broken off: look up what became of the owner's last ones, then delete the file.`,
    meta: { path },
    ...(cause === undefined ? {} : { cause }),
  });
