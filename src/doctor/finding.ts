/** What a check of `fxn doctor` says: one thing that was looked at, and what to do about it. Runs in the command line. */

/** `skipped`: could not be looked at, or was not to be; says why. */
export type Severity = 'ok' | 'warning' | 'failure' | 'skipped';

/** Stable names, for scripts: what is well has the name of its check. */
export type FindingId =
  | 'runtime'
  | 'server_library_unusable'
  | 'home'
  | 'home_unwritable'
  | 'home_open_to_others'
  | 'disk'
  | 'disk_low'
  | 'open_files'
  | 'open_files_low'
  | 'config'
  | 'config_invalid'
  | 'config_risky'
  | 'key'
  | 'key_missing'
  | 'key_unreadable'
  | 'key_open_to_others'
  | 'key_password_needed'
  | 'tls'
  | 'tls_unusable'
  | 'tls_expires'
  | 'clock'
  | 'clock_off'
  | 'rpc'
  | 'rpc_unreachable'
  | 'rpc_wrong_chain'
  | 'rpc_stale'
  | 'contracts'
  | 'contracts_unanswered'
  | 'registration'
  | 'registration_absent'
  | 'registration_paused'
  | 'stake'
  | 'stake_missing'
  | 'gateways'
  | 'gateways_none'
  | 'backend'
  | 'backend_down'
  | 'backend_credentials'
  | 'backend_other_kind'
  | 'model_not_listed'
  | 'generation'
  | 'generation_failed'
  | 'port'
  | 'port_taken'
  | 'public_url'
  | 'public_url_missing'
  | 'public_url_unreachable'
  | 'engine'
  | 'engine_unusable'
  | 'gpu'
  | 'gpu_unused'
  | 'check_failed';

export interface Finding {
  readonly id: FindingId;
  readonly severity: Severity;
  /** What was looked at, a few words. */
  readonly title: string;
  readonly detail: string;
  /** What the operator can do; `null` where nothing has to be done. */
  readonly remedy: string | null;
}

export const ok = (id: FindingId, title: string, detail: string): Finding => ({
  id,
  severity: 'ok',
  title,
  detail,
  remedy: null,
});

export const skipped = (id: FindingId, title: string, detail: string): Finding => ({
  id,
  severity: 'skipped',
  title,
  detail,
  remedy: null,
});

export type Trouble = Omit<Finding, 'severity' | 'remedy'> & { readonly remedy: string };

export const warning = (trouble: Trouble): Finding => ({ ...trouble, severity: 'warning' });
export const failure = (trouble: Trouble): Finding => ({ ...trouble, severity: 'failure' });
