/** What becomes of the alerts that the node sends by itself; only where a webhook is configured. Runs in main. */
import { Counter } from 'prom-client';
import type { MetricsRegistry } from './threadMetrics.js';

const outcomes = ['sent', 'failed', 'dropped'] as const;

export function createAlertCounter(registry: MetricsRegistry): (outcome: (typeof outcomes)[number]) => void {
  const notifications = registry.add(
    new Counter({
      name: 'fxn_alert_notifications_total',
      help: 'Posts to the webhook: sent, failed (refused, or too old) or dropped (too many waited, or the node ended); absent without one.',
      labelNames: ['outcome'],
      registers: [],
    }),
  );
  // From zero on: what fails once and never again would not be seen as an increase.
  for (const outcome of outcomes) notifications.inc({ outcome }, 0);
  return (outcome) => notifications.inc({ outcome });
}
