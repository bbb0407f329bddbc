/** What main does for a front that asks: what takes the key, the disk, the compute threads or the engines. Runs in main. */
import { signSessionStatement } from '../auth/sessionStatement.js';
import type { ComputePool } from '../compute/computePool.js';
import type { Config } from '../config/config.js';
import type { MainMethods } from '../front/frontThread.js';
import { checksumAddress } from '../keys/checksumAddress.js';
import type { NodeKey } from '../keys/nodeKey.js';
import type { SettledReplayMark } from './settleReplayMark.js';
import type { Challenges } from './startChallenges.js';

/** Beside what a front says of itself. */
export type FrontServices = Omit<MainMethods, 'frontListens' | 'frontFailed'>;

export interface FrontServicesOptions {
  readonly config: Pick<Config, 'chainId'>;
  readonly key: NodeKey;
  readonly replayMark: Pick<SettledReplayMark, 'record'>;
  readonly pool: ComputePool;
  readonly challenges: Pick<Challenges, 'answer' | 'leave'>;
}

export function createFrontServices(options: FrontServicesOptions): FrontServices {
  const { config, key, replayMark, pool, challenges } = options;
  const { chainId } = config;
  return {
    recordReplayMark: replayMark.record,
    recoverSigner: (signed) => pool.run('recoverSigner', signed),
    signSession: (offer) =>
      signSessionStatement(
        { ...offer, caller: checksumAddress(offer.caller), node: key.checksumAddress, chainId },
        key.sign,
      ),
    answerChallenge: challenges.answer,
    leaveChallenge: challenges.leave,
  };
}
