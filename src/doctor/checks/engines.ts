/** The GPUs, and the engines that challenges are computed with. */
import { sampleGpusOnce } from '../../gpu/sampleOnce.js';
import { createLogger } from '../../logger/logger.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type EngineReport, reportEngines, startPatienceMs } from '../engineReports.js';
import { type Finding, failure, ok, skipped, warning } from '../finding.js';

const gpuPatienceMs = 20_000;
/** Engines that compute on a GPU. */
const gpuEngines = ['webgpu', 'gpujs'];

export const checkEngines: Check<NodeContext> = {
  group: 'Compute',
  title: 'compute engines',
  deadlineMs: startPatienceMs + 60_000,
  async run({ config, options, signal }) {
    const log = createLogger({ level: 'silent', thread: 'main' });
    const [sample, engines] = await Promise.all([
      sampleGpusOnce({ log, patienceMs: gpuPatienceMs, signal }),
      options.engines ? reportEngines({ gpu: config.compute.gpu, log, signal }) : [],
    ]);
    const names = (sample?.stats ?? []).map(({ name }) => name ?? 'unknown GPU');
    const gpu =
      names.length === 0
        ? skipped('gpu', 'GPUs', 'none found: challenges are computed on the CPU')
        : ok('gpu', 'GPUs', `${names.join(', ')} (by ${sample?.source})`);
    if (!options.engines) return [gpu, skipped('engine', 'Engines', 'not asked for (--no-engines)')];
    const isGpuUsed = engines.some(({ engine, state }) => state === 'ready' && gpuEngines.includes(engine));
    const unused: Finding[] =
      names.length === 0 || isGpuUsed || config.compute.gpu === 'off'
        ? []
        : [
            warning({
              id: 'gpu_unused',
              title: 'GPUs',
              detail: 'no engine can compute on them: challenges are computed on the CPU',
              remedy: 'install the Vulkan driver of the GPU; the reasons stand beside the engines',
            }),
          ];
    return [gpu, ...unused, ...engines.map(engineFinding)];
  },
};

function engineFinding({ engine, state, device, reason }: EngineReport): Finding {
  const title = `Engine ${engine}`;
  if (state === 'ready') return ok('engine', title, `passed its self-test on ${device ?? 'this machine'}`);
  // The one that is always there; without the others it is only slower.
  if (engine !== 'wasm') return skipped('engine', title, reason ?? 'not there');
  const detail = `fails its self-test: ${reason ?? 'for an unknown reason'}`;
  return failure({
    id: 'engine_unusable',
    title,
    detail,
    remedy: 'run "fxn gpu info"; try another Node.js version',
  });
}
