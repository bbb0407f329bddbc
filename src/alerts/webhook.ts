/**
 * Posts to the operator's webhook, one at a time and in order. A receiver that is away or slow is asked again, later
 * each time, until what there is to say is too old; what waits is bounded, and the oldest gives way. A receiver that
 * took a post and was too slow to say so gets it again, with the same `id`. The URL is a secret. Runs in main.
 */
import { redactUrl } from '../config/redactConfig.js';
import { startDeadline } from '../lib/deadline.js';
import { requestHttp } from '../lib/httpRequest.js';
import { systemErrorCode } from '../lib/systemErrorCode.js';
import type { Logger } from '../logger/logger.js';

export type PostOutcome = 'sent' | 'failed' | 'dropped';

export interface WebhookTimes {
  /** For one attempt, from name look-up to the status of the answer. */
  readonly deadlineMs: number;
  /** Before the second attempt; doubled each time. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** After this nothing more is tried with a post. */
  readonly keepMs: number;
}

export interface WebhookOptions {
  readonly url: string;
  readonly log: Pick<Logger, 'warn' | 'info' | 'debug'>;
  /** Told once for each post: sent, failed (refused or too old), or dropped (too many waited, or the node ended). */
  readonly count: (outcome: PostOutcome) => void;
  readonly times?: WebhookTimes;
}

export interface Webhook {
  post(body: string): void;
  /** Calls off what is under way and drops what waits. */
  close(): Promise<void>;
}

/** More than a node has to say in a bad hour. */
const maxWaiting = 64;
const usualTimes: WebhookTimes = {
  deadlineMs: 5_000,
  firstPauseMs: 1_000,
  longestPauseMs: 60_000,
  keepMs: 900_000,
};

interface Post {
  readonly body: string;
  readonly sinceMs: number;
}

/** `later`: the same may work in a while; `never`: this URL does not take it. */
type Attempt = { readonly result: 'taken' } | { readonly result: 'later' | 'never'; readonly reason: string };

export function openWebhook({ url, log, count, times = usualTimes }: WebhookOptions): Webhook {
  const webhook = redactUrl(url);
  const closing = new AbortController();
  const waiting: Post[] = [];
  let running: Promise<void> | undefined;
  /** A receiver that stays away is one line in the log. */
  let isTold = false;

  const attempt = async ({ body }: Post): Promise<Attempt> => {
    const deadline = startDeadline(times.deadlineMs, closing.signal);
    try {
      const answer = await requestHttp({
        url: new URL(url),
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'fxn-provider-node',
        },
        body,
        signal: deadline.signal,
      });
      // What it says beside the status is of no use, and may be without end.
      answer.body.on('error', ignore).destroy();
      return judge(answer.status);
    } catch (thrown) {
      const reason = deadline.hasPassed ? 'timeout' : (systemErrorCode(thrown) ?? 'no HTTP answer');
      return { result: 'later', reason };
    } finally {
      deadline.end();
    }
  };

  const tell = (reason: string): void => {
    if (isTold) log.debug({ webhook, reason }, 'the webhook takes no alerts');
    else log.warn({ webhook, reason, waiting: waiting.length }, 'the webhook takes no alerts');
    isTold = true;
  };

  /** Delivers or gives up what waits, from the oldest on. */
  const run = async (): Promise<void> => {
    let pauseMs = times.firstPauseMs;
    while (waiting.length > 0 && !closing.signal.aborted) {
      const [post] = waiting as [Post];
      const attempted = await attempt(post);
      if (closing.signal.aborted) return;
      if (attempted.result === 'taken') {
        if (isTold) log.info({ webhook }, 'the webhook takes alerts again');
        isTold = false;
        pauseMs = times.firstPauseMs;
        leave(post, 'sent');
        continue;
      }
      tell(attempted.reason);
      if (attempted.result === 'never' || performance.now() - post.sinceMs > times.keepMs) {
        leave(post, 'failed');
        continue;
      }
      await pause(pauseMs, closing.signal);
      pauseMs = Math.min(2 * pauseMs, times.longestPauseMs);
    }
  };

  /** It may have been dropped meanwhile, to make room; then it is counted already. */
  const leave = (post: Post, outcome: PostOutcome): void => {
    const place = waiting.indexOf(post);
    if (place < 0) return;
    waiting.splice(place, 1);
    count(outcome);
  };

  return {
    post(body) {
      if (closing.signal.aborted) return;
      if (waiting.length >= maxWaiting) {
        waiting.shift();
        count('dropped');
      }
      waiting.push({ body, sinceMs: performance.now() });
      running ??= run().finally(() => {
        running = undefined;
      });
    },
    async close() {
      closing.abort(new Error('called off'));
      await running;
      const dropped = waiting.splice(0).length;
      for (let each = 0; each < dropped; each++) count('dropped');
      if (dropped > 0) log.warn({ webhook, dropped }, 'alerts were not delivered');
    },
  };
}

/** A redirect is not followed: it would take the post elsewhere than the operator said. */
function judge(status: number): Attempt {
  if (status >= 200 && status < 300) return { result: 'taken' };
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  return { result: mayPass ? 'later' : 'never', reason: `status ${status}` };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

const ignore = (): undefined => undefined;
