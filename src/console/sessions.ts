/**
 * Who is signed in at the console. A session is a random name in a cookie; it ends after an hour without use, after
 * twelve in any case, when its owner signs out, when it is the oldest of too many, and with the process. Runs in main.
 */
import { createHash, randomBytes } from 'node:crypto';

const idleMs = 60 * 60 * 1_000;
const longestMs = 12 * 60 * 60 * 1_000;
const mostSessions = 32;
const nameBytes = 32;

interface Session {
  readonly beganAtMs: number;
  usedAtMs: number;
}

export class ConsoleSessions {
  /** By the digest of their name, so that the time of a look-up tells nothing about names. */
  readonly #sessions = new Map<string, Session>();
  readonly #nowMs: () => number;

  /** @param nowMs milliseconds of a clock that is never set back */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** The name of a new one. */
  open(): string {
    const nowMs = this.#nowMs();
    for (const [key, session] of this.#sessions) if (hasEnded(session, nowMs)) this.#sessions.delete(key);
    // In the order in which they began.
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined && this.#sessions.size >= mostSessions) this.#sessions.delete(oldest);
    const name = randomBytes(nameBytes).toString('base64url');
    this.#sessions.set(keyOf(name), { beganAtMs: nowMs, usedAtMs: nowMs });
    return name;
  }

  /** Whether there is such a session; it counts as used. */
  use(name: string): boolean {
    const key = keyOf(name);
    const session = this.#sessions.get(key);
    if (session === undefined) return false;
    const nowMs = this.#nowMs();
    if (hasEnded(session, nowMs)) {
      this.#sessions.delete(key);
      return false;
    }
    session.usedAtMs = nowMs;
    return true;
  }

  close(name: string): void {
    this.#sessions.delete(keyOf(name));
  }
}

const keyOf = (name: string): string => createHash('sha256').update(name).digest('base64');

const hasEnded = ({ beganAtMs, usedAtMs }: Session, nowMs: number): boolean =>
  nowMs - usedAtMs > idleMs || nowMs - beganAtMs > longestMs;
