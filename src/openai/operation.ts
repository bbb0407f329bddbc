/** What a route asks of a model, in OpenTelemetry's words: a metric label. Runs on the fronts. */

export type Operation = 'chat' | 'text_completion' | 'embeddings';

/** @param endpoint the route's pattern; `undefined` for what is only passed through */
export function operationOf(endpoint: string): Operation | undefined {
  switch (endpoint) {
    case '/v1/chat/completions':
      return 'chat';
    case '/v1/completions':
      return 'text_completion';
    case '/v1/embeddings':
      return 'embeddings';
    default:
      return undefined;
  }
}

/** What a server may overlook behind a path, and take for one slash. */
const pathEnd = /[;?#].*$/s;
const slashes = /[/\\]+/g;

/** Whether a path that is none of these routes as it stands may be one to a more lenient server. */
export function isOperationRespelled(path: string): boolean {
  let plain = path;
  try {
    plain = decodeURIComponent(path);
  } catch {
    // No UTF-8, so no spelling of a route.
  }
  return (
    operationOf(plain.replace(pathEnd, '').replace(slashes, '/').replace(/\/$/, '').toLowerCase()) !==
    undefined
  );
}
