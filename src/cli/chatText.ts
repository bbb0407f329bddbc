/**
 * The text inside a streamed completion, as it comes: server-sent events in, the model's words out. Whatever is
 * no text (roles, tool calls, usage) is left out. Runs in the command line and the demo.
 */
import { StringDecoder } from 'node:string_decoder';

/** The output tokens that a completion, or an event of one, says it took; `undefined` where it does not say. */
export function saidTokens(completion: unknown): number | undefined {
  const tokens = asObject(asObject(completion)['usage'])['completion_tokens'];
  return typeof tokens === 'number' ? tokens : undefined;
}

/** An event that grows beyond this is no completion chunk; it is dropped rather than kept. */
const maxEventCharacters = 1_024 * 1_024;

export class ChatText {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #data = '';
  #error: string | undefined;
  #textEvents = 0;
  #tokens: number | undefined;

  /** What the stream said instead of going on. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Events that held text: about one for each token, where the stream does not count them. */
  get textEvents(): number {
    return this.#textEvents;
  }

  /** Output tokens as the stream counted them; `undefined` where it has not. */
  get tokens(): number | undefined {
    return this.#tokens;
  }

  /** The text that these bytes complete; often empty. */
  push(bytes: Uint8Array): string {
    // A carriage return at the very end may be half of a pair, so it waits for what follows.
    const lines = (this.#rest + this.#decoder.write(Buffer.from(bytes))).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > maxEventCharacters) this.#rest = '';
    let text = '';
    for (const line of lines) {
      if (line === '') text += this.#endEvent();
      else if (line.startsWith('data:')) this.#data += line.slice('data:'.length);
      if (this.#data.length > maxEventCharacters) this.#data = '';
    }
    return text;
  }

  #endEvent(): string {
    const data = this.#data.trim();
    this.#data = '';
    if (data === '' || data === '[DONE]') return '';
    const event = parseObject(data);
    const message = asObject(event['error'])['message'];
    if (typeof message === 'string') this.#error = printable(message);
    const choices = Array.isArray(event['choices']) ? event['choices'] : [];
    const text = choices.map((choice) => printable(textOf(asObject(choice)))).join('');
    if (text !== '') this.#textEvents++;
    this.#tokens = saidTokens(event) ?? this.#tokens;
    return text;
  }
}

/** Chat deltas, thoughts included, or the text of a plain completion. */
function textOf(choice: Fields): string {
  const delta = asObject(choice['delta']);
  const found = [delta['content'], delta['reasoning_content'], delta['reasoning'], choice['text']];
  return (found.find((part) => typeof part === 'string' && part !== '') as string | '' | undefined) ?? '';
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(text: string): Fields {
  try {
    return asObject(JSON.parse(text));
  } catch {
    // Not every server-sent event is JSON; it holds no text for us then.
    return {};
  }
}

const asObject = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};

/** A model's words must not steer the terminal: control characters other than tab and newline go. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
}
