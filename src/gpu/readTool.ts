/** From a tool's output to a reader's answer: what all readers that start a single tool have in common. Runs in main. */
import { foundOrNone, type ReadOutcome } from './gpuReader.js';
import type { GpuReading } from './gpuReading.js';
import { type ToolOutcome, toolFailure } from './runTool.js';

/**
 * The output counts, not the exit code: tools end with an error when one GPU of several has one. A clean exit without
 * a GPU is an answer; anything else without a GPU is a failure.
 */
export function readOutput(
  command: string,
  outcome: ToolOutcome,
  parse: (output: string) => readonly GpuReading[],
): ReadOutcome {
  if (outcome.kind !== 'ended') return outcome;
  const gpus = parse(outcome.output);
  if (gpus.length === 0 && outcome.exitCode !== 0) {
    return { kind: 'failed', reason: toolFailure(command, outcome) };
  }
  return foundOrNone(gpus);
}
