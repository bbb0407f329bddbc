/**
 * What answers challenges, put together: engines, telemetry, commitments and the challengers. The list of challengers
 * below is the list of types that this node knows. Runs in main.
 */
import { answerChallenges, type ChallengeDesk } from '../challenge/answerChallenges.js';
import { createCommitments } from '../challenge/commitments.js';
import { createEndpointReachableChallenger } from '../challenge/endpointReachable.js';
import { createGpuStatsChallenger } from '../challenge/gpuStats.js';
import { createIdentityChallenger } from '../challenge/identity.js';
import { createMatrixMultiplicationChallenger } from '../challenge/matrixMultiplication.js';
import { createMatrixMultiplicationOpenChallenger } from '../challenge/matrixMultiplicationOpen.js';
import { createProofCommitter } from '../challenge/proofCommitter.js';
import type { ComputePool } from '../compute/computePool.js';
import { createCpuEngine } from '../compute/cpuEngine.js';
import { startGpuHost } from '../compute/gpuHost.js';
import { createJobLane } from '../compute/jobLane.js';
import { createMatrixJobs } from '../compute/matrixJobs.js';
import { openRows } from '../compute/openRows.js';
import type { Config } from '../config/config.js';
import { createGpuSampler } from '../gpu/gpuSampler.js';
import type { NodeKey } from '../keys/nodeKey.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../logger/logger.js';
import { createChallengeMetrics } from '../metrics/challengeMetrics.js';
import { addGpuMetrics } from '../metrics/gpuMetrics.js';
import type { MetricsRegistry } from '../metrics/threadMetrics.js';
