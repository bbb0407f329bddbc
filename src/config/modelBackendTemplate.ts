/** The `model_backend.yaml` of a first start: one local inference server, the other possibilities in comments. */
export const modelBackendTemplate = `# Which inference servers serve which models. Reloaded on SIGHUP without cutting a stream.
# \${NAME} and \${NAME:-default} are replaced from the environment: a good place for keys.

models:
    # What gateways ask for: the model's name on the network.
  - name: "meta/llama-4-scout-17b-16e-instruct"
    # Other names that are accepted for it.
    aliases: []
    # The model's id on the network.
    fxnId: "2"
    # One or more servers; requests go to the one with the least to do, by weight.
    backends:
        # With or without /v1 at the end.
      - url: "http://127.0.0.1:8000"
        # vllm, sglang, ollama, llamacpp, tgi, or custom = anything that speaks the OpenAI API. The node asks the
        # server itself too, and warns when it says something else.
        backendProvider: "vllm"
        # What this server calls the model; "" = the name above.
        model: ""
        # Sent as x-api-key; "" = not sent.
        apiKey: ""
        # Sent as Authorization: Bearer; "" = not sent.
        bearerToken: ""
        # Sent with every request.
        headers: {}
        # Share of the load among the backends of this model, 1 to 1000.
        weight: 1
        # Requests at once; more wait in the queue (proxy.queue).
        maxConcurrency: 64

# Serves models that are not listed and requests that name none; "" = they are refused.
default: "meta/llama-4-scout-17b-16e-instruct"

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
