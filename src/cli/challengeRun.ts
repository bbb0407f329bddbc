/**
 * `fxn challenge run`: sends one challenge of any type, signed as the scheduler signs it, and prints the answer. Runs
 * in the command line.
 */
import { parseJson } from '../lib/unknownJson.js';
import { answerSummary } from './answerSummary.js';
import { challengePath, sendChallenge } from './challengeExchange.js';
import type { CliIo, StreamIo } from './cliIo.js';
import { exitCodes, withExitCode } from './exitCode.js';
import { homeNodeUrl } from './homeNode.js';
import { readRequestBody } from './requestBody.js';
import {
  configOnDemand,
  openSigner,
  type SigningOptions,
  signingScheme,
  urlAtNode,
} from './requestSigning.js';
import { ExchangeFailed } from './signedExchange.js';
import { UsageError } from './usageError.js';
import { withExchange } from './withExchange.js';

export interface ChallengeRunOptions extends SigningOptions {
  readonly type: string;
  /** JSON, `@FILE`, or `-` for standard input; absent: an empty object. */
  readonly payload?: string | undefined;
  /** Absent: the node of this home. */
  readonly node?: string | undefined;
  /** One line of JSON, on a terminal too. */
  readonly json?: boolean | undefined;
}

/** Holds the largest opening of an 8192 × 8192 product. */
const maxAnswerBytes = 64 * 1_024 * 1_024;

export function challengeRun(options: ChallengeRunOptions, io: CliIo & StreamIo): Promise<number> {
  return withExitCode(io, async () => {
    const { type, node } = options;
    if (type === '') throw new UsageError('--type is the name of a challenge, such as IDENTITY.');
    const homeConfig = configOnDemand(options, io, '--node');
    const url = urlAtNode(node ?? homeNodeUrl(homeConfig(), '--node'), challengePath, '--node');
    const signer = await openSigner(options, homeConfig, io);
    const scheme = signingScheme(options, homeConfig, io);
    const { signal } = io;
    return withExchange(io, async (onSecondAttempt) => {
      const payload = await payloadOf(options.payload, io);
      const answer = await sendChallenge(
        { url, signer, scheme, maySignAgain: true, onSecondAttempt },
        { type, payload, maxBytes: maxAnswerBytes, signal, tooLarge },
      );
      io.out(printedAnswer(answer.text, { isPretty: io.stdout.isTTY === true && options.json !== true }));
      io.err(answerSummary(answer, answer));
      return answer.status >= 200 && answer.status < 300 ? exitCodes.done : exitCodes.failed;
    });
  });
}

async function payloadOf(argument: string | undefined, io: Pick<StreamIo, 'stdin'>): Promise<string> {
  if (argument === undefined) return '{}';
  const text = Buffer.from(await readRequestBody(argument, io)).toString('utf8');
  if (parseJson(text) === undefined) {
    throw new UsageError(
      '--payload is not JSON. A text stands in double quotes: --payload \'"https://node.example"\'',
    );
  }
  return text.trim();
}

function printedAnswer(text: string, { isPretty }: { isPretty: boolean }): string {
  const value = parseJson(text);
  if (value === undefined) return text;
  return isPretty ? JSON.stringify(value, undefined, 2) : text.trimEnd();
}

const tooLarge = (): Error =>
  new ExchangeFailed(`The answer is larger than ${maxAnswerBytes / (1_024 * 1_024)} MiB.`);
