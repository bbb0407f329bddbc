/**
 * Settings that the configuration knows but this version does not act on. Where ignoring one would make the node
 * less safe than its operator believes, it refuses to start; otherwise it warns. Runs in main.
 */
import type { Config } from './config.js';

export interface UnbuiltFeatures {
  /** The node must not start with these. */
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

export function unbuiltFeatures(config: Config): UnbuiltFeatures {
  const { auth, limits, nonceCache, offers, proxy, telemetry, alerts } = config;
  const hasLimits =
    limits.requestsPerSecond > 0 || limits.concurrentStreams > 0 || limits.tokensPerMinute > 0;
  return {
    refusals: [
      ...said(nonceCache.store !== 'memory', 'nonceCache.store: only "memory" is available in this version'),
      ...said(!auth.schemes.includes('legacy'), 'auth.schemes: only "legacy" is available in this version'),
      ...said(hasLimits, 'limits: not available in this version; leave them at 0'),
      ...said(offers.enabled, 'offers.enabled: not available in this version'),
    ],
    warnings: [
      ...said(proxy.keepAliveComments > 0, 'proxy.keepAliveComments has no effect in this version'),
      ...said(proxy.affinity !== 'none', 'proxy.affinity has no effect in this version'),
      ...said(telemetry.otlpEndpoint !== '', 'telemetry.otlpEndpoint has no effect in this version'),
      ...said(alerts.webhookUrl !== '', 'alerts.webhookUrl has no effect in this version'),
    ],
  };
}

const said = (applies: boolean, text: string): string[] => (applies ? [text] : []);
