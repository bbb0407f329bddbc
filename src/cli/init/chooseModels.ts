/** Which models the node will serve, out of what was given, found and answered. Runs in the command line. */
import type { WrittenModel } from '../../config/modelBackendTemplate.js';
import { isModelListed } from '../../upstream/backendKind.js';
import type { FoundServer, ServerLook } from '../../upstream/findServers.js';
import type { CliIo } from '../cliIo.js';
import { UsageError } from '../usageError.js';
import type { GivenModel } from './initOptions.js';

interface ChosenBackend {
  readonly name: string;
  readonly server: FoundServer;
  /** What the server calls it; equal to the name where it does. */
  readonly backendName: string;
}

/**
 * The models that the options name. A server that does not answer is taken all the same, with a warning: it may be
 * started later.
 */
export function givenModels(
  models: readonly GivenModel[],
  looks: readonly ServerLook[],
  warn: (warning: string) => void,
): WrittenModel[] {
  return grouped(models.map((model) => givenBackend(model, looks, warn)));
}

function givenBackend(
  { name, url, backendName }: GivenModel,
  looks: readonly ServerLook[],
  warn: (warning: string) => void,
): ChosenBackend {
  const look = looks.find((candidate) => urlOf(candidate) === url);
  if (look?.kind === 'node') {
    throw new UsageError(`${url} is a node of this network itself: name the inference server behind it.`);
  }
  if (look?.kind !== 'server') {
    warn(
      look?.kind === 'refused'
        ? `${url} asks for credentials: put its bearerToken or apiKey into model_backend.yaml.`
        : `${url} does not answer as an inference server now: start it before the node is asked for ${name}.`,
    );
    return { name, server: { url, kind: 'custom', models: undefined }, backendName: backendName ?? name };
  }
  const { server } = look;
  const asked = backendName ?? name;
  if (isModelListed(server.kind, server.models, asked) !== false) return { name, server, backendName: asked };
  const [only, ...others] = server.models ?? [];
  if (backendName === undefined && only !== undefined && others.length === 0) {
    return { name, server, backendName: only };
  }
  const listed = (server.models ?? []).slice(0, 10).join(', ') || 'no model';
  throw new UsageError(`${url} does not list "${asked}", but ${listed}: --model ${name}=${url}#ONE_OF_THESE`);
}

const urlOf = (look: ServerLook): string => (look.kind === 'server' ? look.server.url : look.url);

/** Every model of every server that was found, under its own name. */
export function foundBackends(looks: readonly ServerLook[]): ChosenBackend[] {
  return looks.flatMap((look) =>
    look.kind === 'server'
      ? (look.server.models ?? []).map((name) => ({ name, server: look.server, backendName: name }))
      : [],
  );
}

/** Lets the operator choose among what was found, and name it. */
export async function askModels(
  found: readonly ChosenBackend[],
  askLine: NonNullable<CliIo['askLine']>,
  out: (text: string) => void,
): Promise<WrittenModel[]> {
  if (found.length === 0) return [];
  out('\nModels that could be served:');
  for (const [place, { name, server }] of found.entries()) {
    out(`  ${String(place + 1).padStart(2)}  ${name}  (${server.kind}, ${server.url})`);
  }
  const chosen = await askPlaces(found.length, askLine, out);
  const named: ChosenBackend[] = [];
  for (const place of chosen) {
    const backend = found[place - 1] as ChosenBackend;
    const name = (await askLine(`Name of ${backend.name} on the network [${backend.name}]: `)).trim();
    named.push({ ...backend, name: name || backend.name });
  }
  return grouped(named);
}

async function askPlaces(
  count: number,
  askLine: NonNullable<CliIo['askLine']>,
  out: (text: string) => void,
): Promise<readonly number[]> {
  const all = Array.from({ length: count }, (_, index) => index + 1);
  for (;;) {
    const answer = (await askLine('Which ones? Numbers with commas between them [all]: ')).trim();
    if (answer === '' || answer === 'all') return all;
    const places = answer.split(/[\s,]+/).map(Number);
    if (places.every((place) => all.includes(place))) return [...new Set(places)];
    out(`Numbers from 1 to ${count}.`);
  }
}

/** One model for each name, with every server that has it. */
export function grouped(backends: readonly ChosenBackend[]): WrittenModel[] {
  const byName = new Map<string, ChosenBackend[]>();
  for (const backend of backends) byName.set(backend.name, [...(byName.get(backend.name) ?? []), backend]);
  return [...byName].map(([name, servers]) => ({
    name: literal(name),
    fxnId: '',
    backends: servers.map(({ server, backendName }) => ({
      url: server.url,
      backendProvider: server.kind,
      model: backendName === name ? '' : literal(backendName),
    })),
  }));
}

/** A name must not be taken for a reference to the environment. */
const literal = (text: string): string => text.replaceAll('${', '$${');
