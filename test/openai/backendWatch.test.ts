import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Logger } from '#src/logger/logger.js';
import { type BackendWatch, watchBackends } from '#src/openai/backendWatch.js';
import type { RoutedBackend } from '#src/openai/routedModels.js';
import { BackendHealth, createBackendHealth } from '#src/shm/backendHealth.js';
import { eventually } from '#test/support/bypassNode.js';
import { type Answers, llamacpp, ollama, startFakeServer, vllm } from '#test/support/inferenceServers.js';

interface Line {
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Watched {
  readonly watch: BackendWatch;
  readonly health: BackendHealth;
  readonly lines: readonly Line[];
  readonly backend: RoutedBackend;
  readonly server: Awaited<ReturnType<typeof startFakeServer>>;
  /** Waits for that many more checks to have begun. */
  checks(count: number): Promise<void>;
}

async function watching(
  t: TestContext,
  answers: Answers,
  configured: Partial<RoutedBackend> = {},
): Promise<Watched> {
  const server = await startFakeServer(t, answers);
  const lines: Line[] = [];
  const note = (fields: object, msg: string): void => void lines.push({ ...fields, msg });
  const health = new BackendHealth(createBackendHealth());
  const watch = watchBackends({
    intervalMs: 10,
    health,
    log: { info: note, warn: note } as unknown as Logger,
  });
  t.after(() => watch.close());
  const backend: RoutedBackend = {
    url: server.url,
    backendProvider: 'custom',
    model: 'm',
    apiKey: '',
    bearerToken: '',
    headers: {},
    weight: 1,
    maxConcurrency: 1,
    slot: 3,
    label: 'box:1',
    identityHash: 0,
    ...configured,
  };
  watch.watch({
    models: [{ name: 'm', aliases: [], fxnId: '', lane: 0, backends: [backend] }],
    default: null,
    loadedAt: 0,
  });
  await eventually(
    () => watch.reportOf(backend).isUp,
    (isUp) => isUp !== undefined,
  );
  const checks = async (count: number): Promise<void> => {
    const from = server.asked.length;
    await eventually(
      () => server.asked.length,
      (asked) => asked >= from + count,
    );
  };
  return { watch, health, lines, backend, server, checks };
}

const messages = ({ lines }: Watched): string[] => lines.map(({ msg }) => msg);

describe('the watch over backends', () => {
  it('reports the kind and that the model is listed, and has nothing to warn of', async (t) => {
    const watched = await watching(t, vllm, { backendProvider: 'vllm' });
    await watched.checks(3);
    assert.deepEqual(watched.watch.reportOf(watched.backend), {
      isUp: true,
      kind: 'vllm',
      isModelListed: true,
    });
    assert.deepEqual(messages(watched), ['backend answers']);
  });

  it('says once, with the remedy, that another kind of server answers than configured', async (t) => {
    const watched = await watching(t, ollama, { backendProvider: 'vllm' });
    await watched.checks(4);
    const [, warning, ...more] = watched.lines;
    assert.equal(warning?.msg, 'backend is of another kind');
    assert.deepEqual([warning['backendProvider'], warning['kind']], ['vllm', 'ollama']);
    assert.match(String(warning['remedy']), /backendProvider: "ollama"/);
    assert.deepEqual(more, []);
    assert.equal(watched.health.isHealthy(3), true);
  });

  it('says once that the model is missing, stays up, and notices when it appears', async (t) => {
    const watched = await watching(t, vllm, { model: 'absent' });
    await watched.checks(4);
    assert.deepEqual(messages(watched), ['backend answers', 'backend does not list the model']);
    assert.deepEqual(watched.lines[1]?.['served'], ['m']);
    assert.equal(watched.watch.reportOf(watched.backend).isUp, true);
    assert.equal(watched.watch.reportOf(watched.backend).isModelListed, false);
    watched.server.answers = {
      ...vllm,
      '/v1/models': { body: { data: [{ id: 'absent', owned_by: 'vllm' }] } },
    };
    await eventually(
      () => watched.watch.reportOf(watched.backend).isModelListed,
      (isListed) => isListed === true,
    );
  });

  it('does not ask for a name where a backend serves every model or takes any name', async (t) => {
    const flat = await watching(t, vllm, { model: null });
    assert.equal(flat.watch.reportOf(flat.backend).isModelListed, undefined);
    const single = await watching(t, llamacpp, { model: 'm' });
    await single.checks(2);
    assert.equal(single.watch.reportOf(single.backend).isModelListed, undefined);
    assert.deepEqual(messages(single), ['backend answers']);
  });

  it('follows a backend that comes and goes, one log line for each turn', async (t) => {
    const watched = await watching(t, vllm);
    for (let turn = 0; turn < 3; turn++) {
      watched.server.listener = (_, response) => response.destroy();
      await eventually(
        () => watched.health.isHealthy(3),
        (isHealthy) => !isHealthy,
      );
      await watched.checks(3);
      watched.server.listener = undefined;
      await eventually(
        () => watched.health.isHealthy(3),
        (isHealthy) => isHealthy,
      );
      await watched.checks(3);
    }
    const turns = ['backend does not answer', 'backend answers'];
    assert.deepEqual(messages(watched), ['backend answers', ...turns, ...turns, ...turns]);
  });

  it('keeps what it knows of a backend over a reload, and checks anew', async (t) => {
    const watched = await watching(t, vllm);
    const { watch, backend } = watched;
    const reloaded = { ...backend, backendProvider: 'ollama' as const };
    watch.watch({
      models: [{ name: 'm', aliases: [], fxnId: '', lane: 0, backends: [reloaded] }],
      default: null,
      loadedAt: 1,
    });
    assert.equal(watch.reportOf(reloaded).isUp, true);
    await eventually(
      () => messages(watched),
      (all) => all.includes('backend is of another kind'),
    );
    assert.ok(!messages(watched).includes('backend does not answer'));
  });
});
