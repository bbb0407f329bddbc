/**
 * The text of a commented `model_backend.yaml`: of a first start, one local inference server; of `fxn init`, what was
 * found or given. The first server explains every key, the others have only what differs; the other possibilities stand
 * in comments. Runs in main and the command line.
 */
import type { Backend } from './modelBackends.js';

export interface WrittenModel {
  readonly name: string;
  /** Empty where it is not known. */
  readonly fxnId: string;
  /** At least one. */
  readonly backends: readonly WrittenBackend[];
}

export interface WrittenBackend extends Pick<Backend, 'url' | 'backendProvider'> {
  /** Empty = the name of the model. */
  readonly model: string;
}

/**
 * @param models at least one
 * @param fallback the name of the one that serves unlisted models; empty = none does
 */
export function modelBackendText(models: readonly WrittenModel[], fallback: string): string {
  const [first, ...others] = models;
  const entries = [...(first === undefined ? [] : [explained(first)]), ...others.map(plain)];
  return [head, ...entries, tail(fallback)].join('\n');
}

const quoted = (text: string): string => JSON.stringify(text);

const head = `# Which inference servers serve which models. Reloaded on SIGHUP without cutting a stream.
# \${NAME} and \${NAME:-default} are replaced from the environment: a good place for keys.

# At least one.
models:`;

function explained({ name, fxnId, backends }: WrittenModel): string {
  const [first, ...others] = backends;
  return [
    `    # What gateways ask for: the model's name on the network.
  - name: ${quoted(name)}
    # Other names that are accepted for it.
    aliases: []
    # The model's id on the network.
    fxnId: ${quoted(fxnId)}
    # One or more servers; requests go to the one with the least to do, by weight.
    backends:`,
    ...(first === undefined ? [] : [explainedBackend(first)]),
    ...others.map(plainBackend),
  ].join('\n');
}

const explainedBackend = ({ url, backendProvider, model }: WrittenBackend): string =>
  `        # With or without /v1 at the end.
      - url: ${quoted(url)}
        # vllm, sglang, ollama, llamacpp, tgi, or custom = anything that speaks the OpenAI API. The node asks the
        # server itself too, and warns when it says something else.
        backendProvider: ${quoted(backendProvider)}
        # What this server calls the model; "" = the name above.
        model: ${quoted(model)}
        # Sent as x-api-key; "" = not sent.
        apiKey: ""
        # Sent as Authorization: Bearer; "" = not sent.
        bearerToken: ""
        # Sent with every request.
        headers: {}
        # Share of the load among the backends of this model, 1 to 1000.
        weight: 1
        # Requests at once; more wait in the queue (proxy.queue).
        maxConcurrency: 64`;

const plain = ({ name, fxnId, backends }: WrittenModel): string =>
  [
    `  - name: ${quoted(name)}\n    fxnId: ${quoted(fxnId)}\n    backends:`,
    ...backends.map(plainBackend),
  ].join('\n');

const plainBackend = ({ url, backendProvider, model }: WrittenBackend): string =>
  [
    `      - url: ${quoted(url)}\n        backendProvider: ${quoted(backendProvider)}`,
    ...(model === '' ? [] : [`        model: ${quoted(model)}`]),
  ].join('\n');

const tail = (fallback: string): string => `
# Serves models that are not listed and requests that name none; "" = they are refused.
default: ${quoted(fallback)}

# A second model on two servers, one of them with a key from the environment:
#
#  - name: "qwen/qwen3-32b"
#    aliases: ["qwen3"]
#    fxnId: "5"
#    backends:
#      - url: "http://10.0.0.5:11434"
#        backendProvider: "ollama"
#        model: "qwen3:32b"
#      - url: "https://inference.example.com/v1"
#        bearerToken: "\${INFERENCE_TOKEN}"
#        headers: { x-team: "provider" }
#        weight: 2
#
# The Go node's flat file works too, instead of everything above: one backend for every model.
#
# backendProvider: "custom"
# url: "http://127.0.0.1:8000"
# fxnId: "2"
# apiKey: ""
# bearerToken: ""
# modelNameAlias: ""     # what the backend calls the model; "" = as the caller asked
`;

const firstModel = 'meta/llama-4-scout-17b-16e-instruct';

export const modelBackendTemplate = modelBackendText(
  [
    {
      name: firstModel,
      fxnId: '2',
      backends: [{ url: 'http://127.0.0.1:8000', backendProvider: 'vllm', model: '' }],
    },
  ],
  firstModel,
);
