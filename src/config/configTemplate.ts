/** The `config.yaml` of a first start: every key with its default, ready to run on Base Sepolia. */
import { baseSepolia } from './baseSepolia.js';

export const configTemplate = `# Configuration of the provider node. Checked at start and on reload (SIGHUP); \`fxn config check\`
# prints what is in force. Every key below holds its default: what you delete stays as it is.
#
# Durations: "250ms" "5s" "1m30s" "2h".   Sizes: "512kb" "10mb" "1gb" (1 kb = 1024 bytes) or bytes.
# Any value may take parts from the environment: \${NAME}, or \${NAME:-default} when NAME may be unset or
# empty. A literal \${ is written $\${. References in comments are not replaced.

# ---- Required -------------------------------------------------------------------------------------------

# RPC URL of the chain that the registries live on: one, or a list that is tried in order of health.
rpcProvider: ["${baseSepolia.rpcUrls[0]}"]

# The network's scheduler: it may send challenges, and requests as well.
schedulerAddress: "${baseSepolia.schedulerAddress}"

# ---- Chain ----------------------------------------------------------------------------------------------

# The chain that the registries live on; 84532 is Base Sepolia.
chainId: ${baseSepolia.chainId}

registry:
  # Required: the Router contract, from which all other contracts are found.
  routerSmartContractAddress: "${baseSepolia.routerAddress}"
  # Lets anybody use /v1/* unsigned. Refused unless node.listenAddress is loopback or FXN_ALLOW_BYPASS=1.
  bypassAuth: false
  # What happens while this node is not a registered, unpaused provider: "off", "warn" or "refuse".
  requireRegistration: "warn"
  # A registry that was last read longer ago than this authorises nobody.
  maxStaleness: "30m"
  # Blocks until a new entry counts. A removal counts at once.
  confirmations: 0
  # Address of the provider's owner when it is not the node's own key; "" = the node's key.
  owner: ""
  gateway:
    # How often the gateways are read.
    pollInterval: "1m"
  provider:
    # How often the providers are read.
    pollInterval: "1m"
  scheduler:
    # Accepted for the Go node's sake: the scheduler is one fixed address, so there is nothing to read.
    pollInterval: "1m"

# ---- This node ------------------------------------------------------------------------------------------

node:
  # Where gateways reach the node: "127.0.0.1" = this machine only (behind a proxy), "0.0.0.0" = all IPv4.
  listenAddress: "127.0.0.1"
  # 0 = any free port; the log line "listening" says which.
  listenPort: 8080
  # Threads that serve requests: a number, or "auto" = one per core.
  threads: "auto"
  # How gateways reach this node from outside, for example "https://node.example.com": the name that requests
  # with rfc9421 or session signatures must have been made for.
  publicUrl: ""
  # Largest request body.
  maxBodyBytes: "10mb"
  # How long running answers may take to end after SIGTERM.
  drainTimeout: "30s"
  # Address that the IDENTITY challenge reports; "" = ask publicIpService.
  publicIp: ""
  # Answers with the caller's address as plain text; "" = do not ask.
  publicIpService: "https://api.ipify.org"
  # PEM files, both or none; paths are relative to the home folder.
  tls:
    # Certificate chain; "" = no TLS.
    certFile: ""
    # Its private key.
    keyFile: ""

# /metrics, /health, /ready and the web console. Keep it off the public network.
admin:
  # Where the operator reaches it: "127.0.0.1" = this machine only.
  listenAddress: "127.0.0.1"
  # 0 = any free port; the log says which.
  listenPort: 9090
  # false = no web console, no /status and no "fxn status" of it: for a network on which others could read along.
  console: true
  # Names, beside localhost and IP addresses, under which browsers may open the console: "gpu-box.example.com".
  hosts: []

logger:
  # The least urgent lines that are logged: trace, debug, info, warn, error, fatal or silent.
  verbosity: "info"

# Paths relative to the home folder.
keys:
  # The key that this node signs with, as \`fxn-keys new\` makes it.
  file: "nodekey.json"
  # File with the password of an encrypted key; "" = FXN_KEY_PASSWORD, or a prompt on a terminal.
  passwordFile: ""

# ---- Who is let in --------------------------------------------------------------------------------------

auth:
  # How old a signature may be (X-Timestamp, created), and how long it may be valid (expires).
  maxAge: "60s"
  # How far its time may lie in the future.
  maxSkew: "30s"
  # Accepted ways to sign: "legacy", "rfc9421" (bound to one request to this node) and "session" (session keys,
  # made through rfc9421).
  schemes: ["legacy", "rfc9421"]
  # More names of this node that a signature may be made for, as they stand in the caller's URL: host or
  # host:port. With none here and no node.publicUrl it is node.listenAddress and the port.
  authorities: []
  session:
    # How long a session lasts.
    ttl: "10m"
    # Sessions that one caller may hold; the oldest gives way.
    perCaller: 16

# Remembers used nonces, so that no request counts twice.
nonceCache:
  # Upper bound of an entry's life. Must exceed auth.maxAge + auth.maxSkew.
  ttl: "5m"
  # Accepted for the Go node's sake: there is nothing to clean.
  cleanupInterval: "10m"
  # Entries of the store in memory. A full table refuses requests, it never forgets one that is still valid.
  capacity: 2000000
  # "memory", or "redis" (Redis or Valkey): several nodes with one key share nonces, limits and sessions.
  store: "memory"
  # redis://[[user][:password]@]host[:port][/database], or rediss:// for TLS. Required with "redis".
  redisUrl: ""

# On /v1/*, for each caller; 0 = no limit. Over all fronts, and over all nodes where the store is "redis".
limits:
  # One second's worth may come at once. May be a fraction: 0.5 is one request in two seconds.
  requestsPerSecond: 0
  # Requests that are open at one time.
  concurrentStreams: 0
  # Tokens in and out, counted when an answer ends: who has overdrawn waits until it has flowed in again.
  tokensPerMinute: 0

# ---- Towards the inference servers (they stand in model_backend.yaml) -----------------------------------

proxy:
  # Idle connections that are kept per backend.
  maxIdleConns: 100
  # Below uvicorn's 5 s: a longer one meets connections that the server has just closed.
  idleConnTimeout: "4s"
  # Until a backend has taken the connection.
  connectTimeout: "2s"
  # Until the first byte of the answer.
  firstByteTimeout: "120s"
  # Silence between two chunks of an answer.
  idleTimeout: "60s"
  # The whole answer.
  totalTimeout: "30m"
  # Send other /v1/* routes to the model's backend too.
  passThrough: false
  # Between two health checks of a backend, at least 3s.
  healthInterval: "10s"
  # Requests that wait while every backend of their model is at its maxConcurrency, per model.
  queue:
    # More are refused with 429.
    maxWaiting: 256
    # Longer is answered with 503.
    maxWait: "10s"
  # How many percent of the requests may be tried a second time, at another backend; 0 = none.
  retryBudgetPercent: 10
  # A backend that fails too often (cannot be reached, times out or answers 5xx) gets no requests for a while.
  breaker:
    # Failures in a row that are too many.
    failures: 5
    # How long it gets none; then one request decides.
    openFor: "10s"
  # After how much silence an event stream that has begun gets a ": keepalive" comment, for proxies on the way that
  # close quiet connections; "0s" = never.
  keepAliveComments: "0s"
  # "prefix" sends conversations that begin alike to the same backend (warm caches) while its load allows; "none"
  # goes by load alone.
  affinity: "none"

# ---- Challenges -----------------------------------------------------------------------------------------

compute:
  # Threads for matrix multiplication: a number, or "auto" = cores - 1.
  threads: "auto"
  # Native engines, in a process of their own: "auto" = the GPU and OpenBLAS where they are found, "webgpu" = also an
  # adapter that is only software, "off" = none. "cuda" is not built yet and means "auto".
  gpu: "auto"
  # Rows or columns of the largest matrix.
  maxMatrixSize: 8192
  # Multiplications that may wait for their turn; more are refused with 429.
  maxQueued: 4
  # From the arrival of a challenge to its answer.
  deadline: "60s"
  # How long a proof's second half may be asked for.
  commitmentTtl: "60s"
  # How large the products (rounds x size x size x 4 bytes) may be that can be opened at once; the oldest gives way.
  commitmentBytes: "1gb"

challenge:
  reachable:
    # Private hosts, addresses or ranges ("10.0.0.0/8") that ENDPOINT_REACHABLE may touch.
    allowHosts: []

# ---- Watching -------------------------------------------------------------------------------------------

telemetry:
  # Where traces go, by OTLP over HTTP with JSON: "http://127.0.0.1:4318"; user and password may stand in the URL,
  # which is treated as a secret. "" = no traces.
  otlpEndpoint: ""

alerts:
  # Gets a POST with JSON when something begins to be wrong and when that ends: Slack, Discord, or a program of your
  # own. "" = none. Treated as a secret; a reload applies it.
  webhookUrl: ""

# ---- Any HTTP API, sold per call ------------------------------------------------------------------------

offers:
  # Refused by this version when true.
  enabled: false
  # Chain of the payments; 8453 is Base.
  chainId: 8453
  # RPC URLs of that chain, one or a list.
  rpcProvider: []
  # Payment token: USDC on Base.
  token: "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
  # Private hosts, addresses or ranges that an offer may call.
  allowHosts: []
  # Key that settles x402 payments, relative to the home folder; "" = a facilitator does.
  settlementKeyFile: ""
  # URLs of x402 facilitators.
  facilitators: []
  # Receives events of sales; "" = none.
  eventsUrl: ""
  payments:
    # How old a payment may be.
    maxAge: "24h"
    # Amount of USDC above which two RPCs must agree.
    twoRpcsAbove: "10"
`;
