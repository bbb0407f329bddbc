/**
 * Whether the node can be reached under its public URL, by the rules for addresses that strangers name: a private address
 * is no public one. It must run for that.
 */
import { createGuardedRequest, type GuardedOutcome } from '../../egress/guardedRequest.js';
import type { TransportFailure } from '../../egress/transportFailure.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, skipped, warning } from '../finding.js';

const title = 'Public URL';
const requestDeadlineMs = 10_000;

export const checkPublicUrl: Check<NodeContext> = {
  group: 'Network',
  title: 'public URL',
  deadlineMs: 15_000,
  async run({ config, options, runningPid, signal }) {
    const { publicUrl, listenAddress } = config.node;
    if (publicUrl === '') {
      if (!isLoopback(listenAddress)) {
        return [skipped('public_url', title, 'node.publicUrl is not set, so it cannot be tried')];
      }
      const detail = `node.publicUrl is not set, and ${listenAddress} is this machine only`;
      const remedy =
        'set node.publicUrl to the TLS proxy in front of the node, or node.listenAddress to "0.0.0.0"';
      return [warning({ id: 'public_url_missing', title, detail, remedy })];
    }
    if (!options.publicUrl) return [skipped('public_url', title, 'not asked for (--no-public)')];
    if (runningPid === undefined) {
      return [skipped('public_url', title, `${publicUrl}: the node does not run; start it and try again`)];
    }
    const request = createGuardedRequest({ allowHosts: config.challenge.reachable.allowHosts });
    const url = `${publicUrl.replace(/\/+$/, '')}/health`;
    const outcome = await request({
      method: 'GET',
      url,
      deadlineMs: requestDeadlineMs,
      maxRedirects: 0,
      signal,
    });
    return [findingOf(outcome, url)];
  },
};

function findingOf(outcome: GuardedOutcome, url: string): Finding {
  if (outcome.kind === 'answered' && outcome.status === 200) return ok('public_url', title, `${url} answers`);
  return failure({ id: 'public_url_unreachable', title, ...troubleOf(outcome, url) });
}

interface UrlTrouble {
  readonly detail: string;
  readonly remedy: string;
}

function troubleOf(outcome: GuardedOutcome, url: string): UrlTrouble {
  if (outcome.kind === 'answered') {
    return {
      detail: `${url} answers with HTTP ${outcome.status}`,
      remedy: 'let the proxy in front of the node pass every path to it, or correct node.publicUrl',
    };
  }
  if (outcome.kind === 'refused') {
    return {
      detail: `${url} is no public address (${outcome.reason})`,
      remedy: 'set node.publicUrl to a name or address that the internet reaches',
    };
  }
  return {
    detail: `${url} cannot be reached from here (${outcome.failure})`,
    remedy:
      remedies[outcome.failure] ??
      'open the port in firewall and router; some routers cannot be asked from inside',
  };
}

const remedies: Partial<Record<TransportFailure, string>> = {
  dns_failed: 'give the name a DNS record that leads to this machine, or correct node.publicUrl',
  connection_refused: 'start the proxy in front of the node, or correct the port of node.publicUrl',
  tls_failed: 'give the proxy, or node.tls, a certificate that is valid for the name of node.publicUrl',
  protocol_error: 'correct node.publicUrl: what answers there speaks no HTTP',
};

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.');
