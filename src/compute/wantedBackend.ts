/** What a scheduler may ask a multiplication to run on. Runs in main and the command line. */
export const wantedBackends = ['auto', 'gpu', 'cuda', 'metal', 'webgpu', 'cpu'] as const;
export type WantedBackend = (typeof wantedBackends)[number];
