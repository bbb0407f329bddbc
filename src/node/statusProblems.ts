/** What does not keep the node from serving but needs a look, with what the operator can do about it. Pure; runs in main. */
import type { Problem, StatusDocument } from '../console/statusDocument.js';

export type WatchedParts = Pick<
  StatusDocument,
  'models' | 'backends' | 'chain' | 'challenges' | 'gpus' | 'auth' | 'configuration'
> & { readonly requireRegistration: 'off' | 'warn' | 'refuse' };

/** From this share on a replay table is about to refuse requests. */
const fullReplayTable = 0.9;

export function warningsOf(parts: WatchedParts): Problem[] {
  return [
    ...registrationProblems(parts),
    ...modelProblems(parts),
    ...chainProblems(parts),
    ...otherProblems(parts),
  ];
}

const warning = (subject: string, reason: string, remedy: string): Problem => ({
  severity: 'warning',
  subject,
  reason,
  remedy,
});

function registrationProblems({ chain, requireRegistration }: WatchedParts): Problem[] {
  const state = chain?.registration;
  if (requireRegistration === 'off' || (state !== 'absent' && state !== 'paused')) return [];
  const effect = requireRegistration === 'refuse' ? 'requests are refused' : 'gateways send no requests here';
  return state === 'paused'
    ? [
        warning(
          'registration',
          `this provider is paused: ${effect}`,
          'end the pause with "fxn provider unpause"',
        ),
      ]
    : [
        warning(
          'registration',
          `this owner is no registered provider: ${effect}`,
          'register it with "fxn provider register", or set registry.owner in config.yaml',
        ),
      ];
}

function modelProblems({ models, backends }: WatchedParts): Problem[] {
  const problems: Problem[] = [];
  for (const model of models) {
    const own = backends.filter((backend) => backend.model === model.name);
    const down = own.filter(({ isUp }) => isUp === false);
    // Where none answers at all, that is reported as what keeps the node from serving.
    if (down.length === own.length && backends.some(({ isUp }) => isUp === true)) {
      const remedy = 'start one of them, or correct model_backend.yaml and reload';
      problems.push(warning(`model ${model.name}`, 'none of its backends answers', remedy));
    }
    for (const { label, isUp, isModelListed, upstreamModel, breaker } of own) {
      const subject = `backend ${label}`;
      if (isUp === false && down.length < own.length) {
        const remedy = 'see whether it runs; the other backends of the model get its requests';
        problems.push(warning(subject, 'does not answer its health check', remedy));
      } else if (isUp !== false && breaker !== 'closed') {
        const remedy = 'see its own log; it is tried again by itself';
        problems.push(warning(subject, 'failed several times in a row and gets no requests', remedy));
      }
      if (isUp === true && isModelListed === false) {
        const remedy = 'load the model there, or set "model" of the backend in model_backend.yaml';
        problems.push(warning(subject, `does not list the model ${upstreamModel}`, remedy));
      }
    }
  }
  return problems;
}

function chainProblems({ chain }: WatchedParts): Problem[] {
  if (chain === null) return [];
  const problems: Problem[] = [];
  for (const name of ['gateway', 'provider'] as const) {
    const { isFresh, lastError, maxAgeMs } = chain[name];
    // One that is not fresh is reported as what keeps the node from serving.
    if (!isFresh || lastError === null) continue;
    const remedy = `it is read again by itself; after ${Math.round(maxAgeMs / 60_000)} min without a good read callers are refused`;
    problems.push(warning(`${name} registry`, `the last read failed: ${lastError}`, remedy));
  }
  for (const { label, state, reason } of chain.rpcEndpoints) {
    if (state !== 'failed' && state !== 'wrong_chain') continue;
    const remedy = 'correct or replace it under rpcProvider in config.yaml, then restart';
    problems.push(warning(`RPC endpoint ${label}`, reason ?? state, remedy));
  }
  return problems;
}

function otherProblems({ auth, challenges, gpus, configuration }: WatchedParts): Problem[] {
  const problems: Problem[] = [];
  const { entries, capacity } = auth.replayTable;
  if (entries > fullReplayTable * capacity) {
    const reason = `the replay table is ${Math.round((100 * entries) / capacity)} % full; a full one refuses requests`;
    problems.push(
      warning('authentication', reason, 'raise nonceCache.capacity in config.yaml, then restart'),
    );
  }
  if (auth.isBypassed) {
    const remedy = 'set registry.bypassAuth to false in config.yaml, then restart';
    problems.push(warning('authentication', 'it is switched off: anyone may send requests', remedy));
  }
  const cpu = challenges.engines.find(({ name }) => name === 'wasm');
  if (cpu?.state === 'disabled') {
    problems.push(warning('compute engine wasm', cpu.reason ?? 'disabled', 'restart the node'));
  }
  if (gpus.missing === 'stale') {
    const reason = `no figures since the last sample${gpus.lastError === null ? '' : ` (${gpus.lastError})`}`;
    problems.push(warning('GPUs', reason, 'see whether the driver still answers, for example to nvidia-smi'));
  }
  if (configuration.needRestart.length > 0) {
    const reason = `changed and not in force: ${configuration.needRestart.join(', ')}`;
    problems.push(warning('configuration', reason, 'restart the node to apply it'));
  }
  return problems;
}
