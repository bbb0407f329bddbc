/** One signed, streamed chat, its words printed as they come. Runs in the demo. */
import { ChatText } from '#src/cli/chatText.js';
import { exchangeSigned } from '#src/cli/signedExchange.js';
import type { NodeKey } from '#src/keys/nodeKey.js';

export interface Chat {
  readonly url: string;
  readonly model: string;
  readonly question: string;
  readonly caller: NodeKey;
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

export interface ChatFigures {
  readonly status: string;
  /** From sending the request to the first text. */
  readonly firstTokenMs: number;
  readonly totalMs: number;
}

export async function chat({ url, model, question, caller, signal, print }: Chat): Promise<ChatFigures> {
  const messages = [{ role: 'user', content: question }];
  const answer = await exchangeSigned({
    url: new URL('/v1/chat/completions', url),
    method: 'POST',
    body: Buffer.from(JSON.stringify({ model, stream: true, messages })),
    signer: { address: caller.checksumAddress, sign: caller.sign },
    signal,
  });
  const text = new ChatText();
  let firstTokenAtMs: number | undefined;
  let refusal = '';
  for await (const piece of answer.body) {
    if (answer.status !== 200) refusal += Buffer.from(piece).toString('utf8');
    const words = text.push(piece);
    if (words === '') continue;
    firstTokenAtMs ??= performance.now();
    print(words);
  }
  if (answer.status !== 200) throw new Error(`The node answered ${answer.status}: ${refusal}`);
  if (text.error !== undefined) throw new Error(`The answer ended with an error: ${text.error}`);
  if (firstTokenAtMs === undefined) throw new Error('The answer held no text.');
  return {
    status: `${answer.status} ${answer.statusText}`,
    firstTokenMs: firstTokenAtMs - answer.sentAtMs,
    totalMs: performance.now() - answer.sentAtMs,
  };
}
