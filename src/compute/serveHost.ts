/**
 * The GPU host's side of the protocol: starts the engines one after the other, has each prove itself, then runs one
 * job at a time. The process ends with its parent, and always by a signal, because native GPU libraries are known to
 * crash when a process ends in the ordinary way. Runs in the GPU host.
 */
import { endWithParent } from '../threads/endWithParent.js';
import { engineFailure, failureReason, toEngineFailure } from './engineFailure.js';
import type { FromHost, HostSettings, HostTask, HostTaskResult, ToHost } from './hostProtocol.js';
import type { EngineName, MatrixEngine } from './matrixEngine.js';
import { testEngine } from './selfTest.js';
import type { HostEngineTable } from './startEngine.js';

interface RunningJob {
  readonly id: number;
  readonly abort: AbortController;
}

export function serveHost(table: HostEngineTable): void {
  const engines = new Map<EngineName, MatrixEngine>();
  let running: RunningJob | undefined;
  let lostBecause: string | undefined;

  const end = (): void => {
    process.kill(process.pid, 'SIGKILL');
  };
  const say = (message: FromHost, onSent?: () => void): void => {
    // A channel that breaks means that the parent is gone; `disconnect` follows.
    process.send?.(message, undefined, undefined, onSent ?? (() => undefined));
  };
  const onLost = (reason: string): void => {
    lostBecause = reason;
    process.stderr.write(`${reason}\n`);
    if (running === undefined) end();
  };

  const startEngines = async (settings: HostSettings): Promise<void> => {
    // First, because what follows may hang.
    await endWithParent();
    for (const name of settings.engines) {
      say({ type: 'engineStarting', name });
      try {
        const start = table[name];
        if (start === undefined) throw engineFailure('this host has no such engine');
        const engine = await start({ ...settings, onLost });
        await testEngine(engine);
        engines.set(name, engine);
        say({ type: 'engineReady', info: engine.info });
      } catch (thrown) {
        say({ type: 'engineDisabled', name, reason: failureReason(thrown) });
      }
    }
  };

  const runJob = async (id: number, name: EngineName, task: HostTask): Promise<void> => {
    const engine = engines.get(name);
    if (engine === undefined || running !== undefined) {
      const reason = engine === undefined ? `${name} is not ready` : 'another job is running';
      say({ type: 'failed', id, error: engineFailure(reason).toData() });
      return;
    }
    const abort = new AbortController();
    running = { id, abort };
    let answer: FromHost;
    try {
      answer = { type: 'done', id, result: await runTask(engine, task, abort.signal) };
    } catch (thrown) {
      answer = { type: 'failed', id, error: toEngineFailure(thrown).toData() };
    }
    running = undefined;
    say(answer, lostBecause === undefined ? undefined : end);
  };

  process.on('disconnect', end);
  process.on('message', (message: ToHost) => {
    switch (message.type) {
      case 'start':
        void startEngines(message.settings);
        break;
      case 'job':
        void runJob(message.id, message.engine, message.task);
        break;
      case 'abort':
        if (running?.id === message.id) running.abort.abort();
        break;
    }
  });
}

function runTask(engine: MatrixEngine, task: HostTask, signal: AbortSignal): Promise<HostTaskResult> {
  return task.kind === 'proofRound'
    ? engine.proofRound(task.request, signal)
    : engine.product(task.request, signal);
}
