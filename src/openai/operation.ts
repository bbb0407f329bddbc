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
