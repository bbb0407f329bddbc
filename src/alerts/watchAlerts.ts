/**
 * Looks at the node every few seconds and posts what begins and ends. Loaded and started only with a webhook. Runs in
 * main.
 */
import type { Clock } from '../lib/clock.js';
import { monotonicNs } from '../lib/monotonicClock.js';
import type { Logger } from '../logger/logger.js';
import { type AlertFacts, alertRules } from './alertRules.js';
import { AlertStates } from './alertStates.js';
import { openWebhook, type PostOutcome } from './webhook.js';
import { type AlertingNode, webhookBody } from './webhookBody.js';

export interface AlertWatchOptions {
  /** `alerts.webhookUrl`: a secret. */
  readonly url: string;
  readonly node: AlertingNode;
  readonly facts: () => Promise<AlertFacts>;
  readonly count: (outcome: PostOutcome) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AlertWatch {
  close(): Promise<void>;
}

/** Below half of the shortest hold time that is meant to see a thing twice. */
const intervalMs = 2_000;

export function watchAlerts({ url, node, facts, count, clock, log }: AlertWatchOptions): AlertWatch {
  const webhook = openWebhook({ url, log, count });
  const states = new AlertStates(alertRules);
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const look = async (): Promise<void> => {
    const now = await facts();
    if (isClosed) return;
    const moment = { monotonicMs: monotonicNs() / 1e6, wallMs: clock.nowMs() };
    for (const change of states.look(now, moment)) {
      const { rule, subject, status, detail } = change;
      log.info({ alert: rule.name, status, subject, detail, active: states.active }, 'alert');
      webhook.post(webhookBody(change, node));
    }
  };
  const lookAgain = (): void => {
    timer = setTimeout(() => {
      look()
        // A defect of a rule must not end the watch.
        .catch((err: unknown) => log.error({ err }, 'alerts could not be looked at'))
        .finally(() => {
          if (!isClosed) lookAgain();
        });
    }, intervalMs);
    timer.unref();
  };
  lookAgain();

  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await webhook.close();
    },
  };
}
