/** What goes over the wire in the proxy benches, built once: requests and answers of 1 KB, frames of a stream. */
export const model = 'm';
export const path = '/v1/chat/completions';
const kilobyte = 1_024;

/** A JSON text of exactly so many bytes: `build` is given the filler. */
function padded(bytes: number, build: (filler: string) => object): string {
  const bare = JSON.stringify(build(''));
  return JSON.stringify(build('x'.repeat(bytes - bare.length)));
}

export const chatBody = padded(kilobyte, (content) => ({
  model,
  messages: [{ role: 'user', content }],
}));

export const chatAnswer = padded(kilobyte, (content) => ({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_750_000_000,
  model,
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 200, completion_tokens: 200, total_tokens: 400 },
}));

export const modelList = JSON.stringify({ object: 'list', data: [{ id: model, object: 'model' }] });

/** A body of so many bytes, for uploads. */
export const largeBody = (bytes: number): string =>
  padded(bytes, (content) => ({ model, messages: [{ role: 'user', content }] }));

/** The stream of so many frames that the mock gives to this body. */
export const streamBody = (frames: number): string =>
  JSON.stringify({ model, stream: true, frames, messages: [{ role: 'user', content: 'hello' }] });

/** The head of a POST with so many bytes behind it. */
export function requestHead(
  bodyBytes: number,
  headers: Readonly<Record<string, string>>,
  port: number,
): string {
  const lines = Object.entries({
    Host: `127.0.0.1:${port}`,
    'Content-Type': 'application/json',
    'Content-Length': String(bodyBytes),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export function requestBytes(body: string, headers: Readonly<Record<string, string>>, port: number): Buffer {
  return Buffer.from(requestHead(Buffer.byteLength(body), headers, port) + body, 'latin1');
}
