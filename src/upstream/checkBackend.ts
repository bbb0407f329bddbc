/**
 * The health check of one backend. The first one after a start, and after it was down, also finds out what kind of
 * server answers; from then on the cheapest endpoint of that kind is asked. Runs in main.
 */
import { isRecord } from '../lib/unknownJson.js';
import { askBackend, type BackendAnswer } from './askBackend.js';
import {
  type BackendKind,
  healthPaths,
  kindInModelList,
  modelListPath,
  namesIn,
  probesFor,
} from './backendKind.js';

export interface CheckedBackend {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The kind that the configuration names. */
  readonly expected: BackendKind;
}

/** For guessing the kind beyond the model list: a server that hangs on questions it does not know is not down. */
const probeDeadlineMs = 1_000;

export class BackendCheck {
  readonly #backend: CheckedBackend;
  #kind: BackendKind | undefined;
  #names: readonly string[] | undefined;
  /** What is asked; `undefined` until the kind is known. */
  #path: string | undefined;

  constructor(backend: CheckedBackend) {
    this.#backend = backend;
  }

  /** As last found out; `undefined` before a server has answered. */
  get kind(): BackendKind | undefined {
    return this.#kind;
  }

  /** Names of the models that the server lists; `undefined` when it did not tell. */
  get modelNames(): readonly string[] | undefined {
    return this.#names;
  }

  /**
   * True when the server answers with anything but a server error: even a refusal of credentials comes from a server
   * that lives.
   * @param withNames asks for the names of the models again, where the check itself does not tell them
   */
  async run(deadlineMs: number, withNames = false): Promise<boolean> {
    const signal = AbortSignal.timeout(deadlineMs);
    const path = this.#path;
    const isUp = path === undefined ? await this.#findOut(deadlineMs) : await this.#ask(path, signal);
    // Behind this address there may be another server next time.
    if (!isUp) this.#path = undefined;
    else if (withNames && path !== undefined && !tellsNames(path))
      await this.#question(modelListPath, signal);
    return isUp;
  }

  async #findOut(deadlineMs: number): Promise<boolean> {
    const list = await this.#question(modelListPath, AbortSignal.timeout(deadlineMs));
    if (!isAlive(list)) return false;
    this.#names = namesIn(list.json);
    this.#kind = kindInModelList(list.json) ?? (await this.#probe(list.status));
    // A server that does not tell its kind is checked as the operator calls it.
    const checkedAs = this.#kind === 'custom' ? this.#backend.expected : this.#kind;
    return await this.#ask(healthPaths[checkedAs], AbortSignal.timeout(deadlineMs), true);
  }

  /** Asks on `path`; a server that does not know it is asked for its models from now on. */
  async #ask(path: string, signal: AbortSignal, isListKnown = false): Promise<boolean> {
    this.#path = path;
    if (path === modelListPath && isListKnown) return true;
    const answer = await this.#question(path, signal);
    if (answer?.status !== 404 || path === modelListPath) return isAlive(answer);
    this.#path = modelListPath;
    return isListKnown || isAlive(await this.#question(modelListPath, signal));
  }

  async #probe(listStatus: number): Promise<BackendKind> {
    // Wrong credentials: other questions would be refused alike.
    if (listStatus === 401 || listStatus === 403) return 'custom';
    const signal = AbortSignal.timeout(probeDeadlineMs);
    for (const { kind, path, isAnswer } of probesFor(this.#backend.expected)) {
      const answer = await askBackend({ ...this.#backend, path, signal });
      if (isRecord(answer?.json) && isAnswer(answer.json)) return kind;
    }
    return 'custom';
  }

  async #question(path: string, signal: AbortSignal): Promise<BackendAnswer | undefined> {
    const answer = await askBackend({ ...this.#backend, path, signal });
    if (tellsNames(path)) this.#names = namesIn(answer?.json) ?? this.#names;
    return answer;
  }
}

const isAlive = (answer: BackendAnswer | undefined): answer is BackendAnswer =>
  answer !== undefined && answer.status < 500;

const tellsNames = (path: string): boolean => path === modelListPath || path === healthPaths.ollama;
