/**
 * What must be known of a Redis or Valkey server before a nonce may be entrusted to it, read from `INFO`. Not
 * from `CONFIG GET`, which managed servers forbid. Runs on the fronts and in main.
 */
import { StoreFailure } from './storeFailure.js';

/** The sections of `INFO` that are read, in one text. */
export const infoSections = ['server', 'memory', 'replication'] as const;

/** Identifies one run of one server process; throws when the server is none to rely on. */
export function checkedRunId(info: string): string {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]?.trim();

  const runId = field('run_id');
  if (runId === undefined || !/^[0-9a-zA-Z]{8,64}$/.test(runId)) {
    throw new StoreFailure('unknown', 'INFO names no run_id, so a restart could not be noticed', {
      remedy: 'use a server and a user that may run INFO',
    });
  }
  const role = field('role');
  if (role !== 'master') {
    throw new StoreFailure('replica', `its role is ${role ?? 'not known'}`, {
      remedy: 'give the address of the primary in nonceCache.redisUrl',
    });
  }
  if (field('redis_mode') === 'cluster') {
    throw new StoreFailure('cluster', 'it is part of a cluster', {
      remedy: 'use a single server, with replicas if you like',
    });
  }
  const policy = field('maxmemory_policy');
  if (policy !== 'noeviction') {
    throw new StoreFailure('policy', `its maxmemory-policy is ${policy ?? 'not known'}`, {
      remedy: 'set maxmemory-policy noeviction: an evicted nonce is a request that can be replayed',
    });
  }
  return runId;
}
