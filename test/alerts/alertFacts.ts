/** A node with which all is well, for tests to spoil. */
import type { AlertFacts, RegistryFacts } from '#src/alerts/alertRules.js';

export const freshRegistry: RegistryFacts = {
  name: 'gateway',
  isFresh: true,
  ageMs: 20_000,
  blockAgeMs: 22_000,
  problem: undefined,
};

export const goodFacts: AlertFacts = {
  isDraining: false,
  missing: [],
  registries: [freshRegistry, { ...freshRegistry, name: 'provider' }],
  registration: 'active',
  backends: [
    { backend: 'a:8000', isUp: true },
    { backend: 'b:8000', isUp: undefined },
  ],
  queues: [{ model: 'm', waiting: 3, maxWaiting: 4 }],
  challenges: { failedInARow: 2, lastFailure: 'compute_failed' },
  gpus: [{ name: '0 H100', temperatureC: 89 }],
  mostGpus: 1,
};
