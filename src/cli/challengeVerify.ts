/**
 * `fxn challenge verify`: challenges nodes, all at the same moment, to multiply matrices that they could not know
 * before, and says of each whether it did. Runs in the command line.
 */
import { checksumAddress } from '../keys/checksumAddress.js';
import { type AddressText, parseAddress } from '../lib/address.js';
import { systemClock } from '../lib/clock.js';
import { parseJson } from '../lib/unknownJson.js';
import { maxExactSize, maxOpenedRows } from '../proof/protocol.js';
import { AnswerTooLarge, type Ask, type Step } from '../verifier/collectEvidence.js';
import type { Verdict } from '../verifier/verdict.js';
import { maxRounds, verifyNodes } from '../verifier/verifyNode.js';
import { durationWords } from './answerSummary.js';
import { type ChallengeSender, challengePath, sendChallenge } from './challengeExchange.js';
import type { CliIo, StreamIo } from './cliIo.js';
import { exitCodes, withExitCode } from './exitCode.js';
import {
  chainOf,
  configOnDemand,
  openSigner,
  type SigningOptions,
  signingScheme,
  urlAtNode,
} from './requestSigning.js';
import { UsageError } from './usageError.js';
import { verdictText } from './verdictText.js';

export interface ChallengeVerifyOptions extends SigningOptions {
  /** URLs; each node goes with the address at the same place. */
  readonly node: readonly string[];
  readonly address: readonly string[];
  readonly size: number;
  readonly rounds: number;
  readonly rows: number;
  /** Engine to ask for; absent: the node's choice. */
  readonly backend?: string | undefined;
  /** One JSON object a node. */
  readonly json?: boolean | undefined;
}

interface ExpectedNode {
  readonly url: URL;
  readonly address: AddressText;
}

export function challengeVerify(options: ChallengeVerifyOptions, io: CliIo & StreamIo): Promise<number> {
  return withExitCode(io, async () => {
    const nodes = expectedNodes(options);
    checkNumber('size', options.size, maxExactSize);
    checkNumber('rounds', options.rounds, maxRounds);
    checkNumber('rows', options.rows, maxOpenedRows);
    const homeConfig = configOnDemand(options, io, '--node');
    const signer = await openSigner(options, homeConfig, io);
    const scheme = signingScheme(options, homeConfig, io);
    const chainId = chainOf(options, homeConfig, io);
    const { size, rounds, rows, backend } = options;
    const { signal } = io;
    const progress = startProgress(nodes.length, io);
    try {
      const verdicts = await verifyNodes(
        nodes.map(({ url, address }, at) => ({
          ask: askOver({ url, signer, scheme, maySignAgain: false }),
          address,
          chainId,
          size,
          rounds,
          rows,
          backend,
          clock: systemClock,
          signal,
          onStep: (step) => progress.reach(at, step),
        })),
      );
      progress.end();
      for (const [at, verdict] of verdicts.entries()) {
        const node = nodes[at]!.url.href.slice(0, -challengePath.length);
        io.out(options.json === true ? jsonOf(node, verdict) : verdictText(node, verdict));
      }
      return exitCodeOfVerdicts(verdicts);
    } catch (thrown) {
      progress.end();
      if (!signal.aborted) throw thrown;
      io.err('Broken off.');
      return exitCodes.interrupted;
    }
  });
}

function expectedNodes({ node, address }: ChallengeVerifyOptions): ExpectedNode[] {
  if (node.length === 0 || node.length !== address.length) {
    throw new UsageError(
      'Each --node needs the --address that is expected there: --node URL --address 0x… --node URL --address 0x…',
    );
  }
  return node.map((base, at) => {
    const expected = parseAddress(address[at]!);
    if (expected === undefined) throw new UsageError('--address is not 0x and 40 hex digits.');
    return { url: urlAtNode(base, challengePath, '--node'), address: expected };
  });
}

function checkNumber(option: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  throw new UsageError(`--${option} is a whole number from 1 to ${max}.`);
}

const askOver =
  (sender: ChallengeSender): Ask =>
  async (type, payload, signal, maxBytes) => {
    const { status, text, sentAtMs, answeredAtMs } = await sendChallenge(sender, {
      type,
      payload: JSON.stringify(payload),
      maxBytes,
      signal,
      tooLarge: () => new AnswerTooLarge(maxBytes),
    });
    return { status, body: parseJson(text), sentAtMs, answeredAtMs };
  };

function jsonOf(node: string, verdict: Verdict): string {
  return JSON.stringify({ node, ...verdict, address: checksumAddress(verdict.address) });
}

/** A node that was found out counts more than one that nobody could ask. */
function exitCodeOfVerdicts(verdicts: readonly Verdict[]): number {
  const refused = verdicts.filter(({ verified }) => !verified);
  if (refused.length === 0) return exitCodes.done;
  return refused.every(({ reason }) => reason === 'unreachable') ? exitCodes.misused : exitCodes.failed;
}

const progressIntervalMs = 500;

/** How many nodes are at which step, where there is a terminal to show it on. */
function startProgress(nodes: number, { progress }: Pick<CliIo, 'progress'>) {
  const steps = new Map<number, Step>();
  const startedAtMs = performance.now();
  const show = (): void => {
    const counts = (['multiplying', 'opening', 'checking'] as const).flatMap((step) => {
      const count = [...steps.values()].filter((reached) => reached === step).length;
      return count === 0 ? [] : [nodes === 1 ? step : `${count} ${step}`];
    });
    progress?.(`${counts.join(', ')}  ${durationWords(performance.now() - startedAtMs)}`);
  };
  const timer = progress === undefined ? undefined : setInterval(show, progressIntervalMs);
  return {
    reach(node: number, step: Step): void {
      if (steps.get(node) === step) return;
      steps.set(node, step);
      show();
    },
    end(): void {
      clearInterval(timer);
      progress?.('');
    },
  };
}
