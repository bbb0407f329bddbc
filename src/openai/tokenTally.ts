/**
 * The tokens of one inference, right at every moment of its answer: an answer may end at any of them, and what
 * was counted so far is then what counts. Runs on the fronts.
 *
 * Until the backend says, the numbers are guesses: the request's bytes by four, which is what English text comes
 * to per token; one token per frame that carries text, which is how servers send them; in an answer of one piece
 * the bytes by four again. What is only passed through may be anything, so nothing is guessed about it.
 */
import type { InferenceRecord, TokenUsage } from '../lib/inferenceRecord.js';
import type { Operation } from './operation.js';

const bytesPerToken = 4;

/** What a backend said, as it said it. */
export interface SaidUsage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
}

export interface TokenTallyOptions {
  /** Where the numbers are told from the first byte of the answer on. */
  readonly record: InferenceRecord | undefined;
  readonly operation: Operation | undefined;
  readonly requestBytes: number;
}

export class TokenTally implements TokenUsage {
  inputTokens: number;
  outputTokens = 0;
  isEstimated = true;
  readonly #record: InferenceRecord | undefined;
  readonly #guesses: boolean;
  /** Embeddings have no output, and so backends no word about it. */
  readonly #hasOutput: boolean;
  #isInputSaid = false;
  #isOutputSaid: boolean;
  #isServed = false;
  #answerBytes = 0;

  constructor({ record, operation, requestBytes }: TokenTallyOptions) {
    this.#record = record;
    this.#guesses = operation !== undefined;
    this.#hasOutput = operation !== 'embeddings';
    this.#isOutputSaid = !this.#hasOutput;
    this.inputTokens = this.#guesses ? Math.ceil(requestBytes / bytesPerToken) : 0;
  }

  /** The answer has begun: from now on there is something to count. */
  serve(): void {
    this.#isServed = true;
    this.#publish();
  }

  /** Whether a look for text is worth its cost. */
  get countsText(): boolean {
    return this.#guesses && this.#hasOutput;
  }

  /** One more token, for text that nothing said so far covers. */
  countText(): void {
    this.outputTokens++;
    this.#isOutputSaid = false;
    this.isEstimated = true;
  }

  /** A piece of an answer whose text cannot be told from the rest. */
  countBytes(bytes: number): void {
    if (!this.countsText || this.#isOutputSaid) return;
    this.#answerBytes += bytes;
    this.outputTokens = Math.ceil(this.#answerBytes / bytesPerToken);
  }

  /** A backend may say the two numbers one after the other, and again with each frame; the last word counts. */
  say({ inputTokens, outputTokens }: SaidUsage): void {
    if (inputTokens !== undefined) {
      this.inputTokens = inputTokens;
      this.#isInputSaid = true;
    }
    if (outputTokens !== undefined) {
      this.outputTokens = outputTokens;
      this.#isOutputSaid = true;
    }
    this.isEstimated = !this.#isInputSaid || !this.#isOutputSaid;
    this.#publish();
  }

  #publish(): void {
    if (this.#record === undefined || !this.#isServed) return;
    if (this.#guesses || this.#isInputSaid) this.#record.usage = this;
  }
}
