/** The head of a request as HTTP/1.1 writes it. Runs on the fronts. */

/** The part of a request that its head tells of. */
export interface DescribedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

/** Without a body these say so; of others nobody expects one. */
const methodsWithBody = new Set(['POST', 'PUT', 'PATCH']);
/** Everything is checked before it comes here. A line break in the wrong place would make one request two. */
const unsendable = /[^\t\x20-\x7e\x80-\xff]/;
const unsendableTarget = /[^\x21-\x7e]/;

/**
 * @param headLines what every request to the backend begins with
 * @returns with the blank line, Latin-1
 * @throws TypeError for what cannot stand in a head
 */
export function requestHead({ method, path, headers, body }: DescribedRequest, headLines: string): string {
  if (unsendableTarget.test(path)) throw new TypeError('a request target has characters that it must not');
  let head = `${method} ${path} HTTP/1.1\r\n${headLines}`;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (unsendable.test(value)) throw new TypeError(`the header ${name} has characters that it must not`);
    head += `${name}: ${value}\r\n`;
  }
  const bytes = body?.length ?? 0;
  return bytes > 0 || methodsWithBody.has(method) ? `${head}content-length: ${bytes}\r\n\r\n` : `${head}\r\n`;
}
