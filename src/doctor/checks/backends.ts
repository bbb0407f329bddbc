/** Each backend of each model: reachable, of the kind that is configured, with the model, and, on request, able to generate. */
import type { Backend, Model } from '../../config/modelBackends.js';
import { nearestName } from '../../lib/nearestName.js';
import { backendHeaders } from '../../openai/headers.js';
import { askBackend } from '../../upstream/askBackend.js';
import { isModelListed, modelListPath } from '../../upstream/backendKind.js';
import { BackendCheck } from '../../upstream/checkBackend.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, type Trouble, warning } from '../finding.js';
import { generateToken } from '../generateToken.js';

const questionDeadlineMs = 3_000;
const shownModels = 8;

export const checkBackends: Check<NodeContext> = {
  group: 'Backends',
  title: 'backends',
  deadlineMs: 90_000,
  async run(context) {
    const { models } = context.loaded.modelBackends;
    const findings = await Promise.all(
      models.flatMap((model) => model.backends.map((backend) => backendFindings(model, backend, context))),
    );
    return findings.flat();
  },
};

async function backendFindings(
  { name, backends }: Model,
  backend: Backend,
  { options, signal }: NodeContext,
): Promise<readonly Finding[]> {
  const { url, backendProvider: expected, model } = backend;
  const headers = backendHeaders(backend);
  const title = `${name} at ${new URL(url).host}`;
  const list = await askBackend({
    url,
    path: modelListPath,
    headers,
    signal: AbortSignal.any([AbortSignal.timeout(questionDeadlineMs), signal]),
  });
  if (list?.status === 401 || list?.status === 403) {
    const remedy = 'set its apiKey or bearerToken in model_backend.yaml';
    const detail = `it refuses the credentials (HTTP ${list.status})`;
    return [failure({ id: 'backend_credentials', title, detail, remedy })];
  }
  const check = new BackendCheck({ url, headers, expected });
  if (list === undefined || !(await check.run(questionDeadlineMs))) {
    const down: Trouble = {
      id: 'backend_down',
      title,
      detail:
        list === undefined ? `nothing answers at ${url}` : `its health check fails (HTTP ${list.status})`,
      remedy: 'start the inference server, or correct the url in model_backend.yaml',
    };
    return [failure(down)];
  }
  const { kind, modelNames } = check;
  const findings: Finding[] = [];
  if (kind !== undefined && kind !== 'custom' && expected !== 'custom' && kind !== expected) {
    const detail = `it is ${kind}, configured as ${expected}`;
    const remedy = `set backendProvider: "${kind}" in model_backend.yaml, or correct the url`;
    findings.push(warning({ id: 'backend_other_kind', title, detail, remedy }));
  }
  if (model !== null && isModelListed(kind, modelNames, model) === false) {
    findings.push(notListed({ title, model, names: modelNames ?? [], others: backends.length - 1 }));
    return findings;
  }
  findings.push(
    ok('backend', title, `${kind ?? expected} answers${model === null ? '' : ` and has ${model}`}`),
  );
  if (options.generate) findings.push(await generation(title, backend, model ?? name, signal));
  return findings;
}

interface Unlisted {
  readonly title: string;
  readonly model: string;
  readonly names: readonly string[];
  readonly others: number;
}

function notListed({ title, model, names, others }: Unlisted): Finding {
  const listed = names.length === 0 ? 'no model' : names.slice(0, shownModels).join(', ');
  const nearest = nearestName(model, names) ?? (names.length === 1 ? names[0] : undefined);
  const meant = nearest === undefined ? 'what the server calls it' : `"${nearest}"`;
  return failure({
    id: 'model_not_listed',
    title,
    detail: `it does not list ${model}, but ${listed}${others > 0 ? `; ${others} more serve the model` : ''}`,
    remedy: `set "model" of this backend in model_backend.yaml to ${meant}, or load the model there`,
  });
}

async function generation(
  title: string,
  backend: Backend,
  model: string,
  signal: AbortSignal,
): Promise<Finding> {
  const result = await generateToken({ url: backend.url, headers: backendHeaders(backend), model, signal });
  if (result.kind === 'token') {
    return ok('generation', title, `streams: first token after ${Math.round(result.firstTokenMs)} ms`);
  }
  const remedy = "look at the server's log; does it serve chat completions with this model?";
  return failure({ id: 'generation_failed', title, detail: result.reason, remedy });
}
