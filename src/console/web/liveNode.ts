/**
 * The node as the page knows it, asked again every second while somebody looks. A page in the background asks nothing.
 * Runs in the browser.
 */
import { useEffect, useState } from 'preact/hooks';
import type { HistoryDocument, RecentRequest, StatusDocument } from '../statusDocument.js';
import { askHistory, askStatus, SignedOutError } from './api.js';
import { joinHistory } from './joinHistory.js';

export interface LiveNode {
  /** `undefined` before the first answer. */
  readonly status: StatusDocument | undefined;
  readonly history: HistoryDocument | undefined;
  /** The newest first; more than one answer holds. */
  readonly requests: readonly RecentRequest[];
  /** Since when the node does not answer, as `Date.now()`; `undefined` while it does. */
  readonly lostAtMs: number | undefined;
}

const intervalMs = 1_000;
/** While the node does not answer. */
const retryMs = 2_000;
const keptRequests = 200;
const nothing: LiveNode = { status: undefined, history: undefined, requests: [], lostAtMs: undefined };

export function useLiveNode(onSignedOut: () => void): LiveNode {
  const [node, setNode] = useState(nothing);

  useEffect(() => {
    let known = nothing;
    let timer: number | undefined;
    let isStopped = false;
    let isAsking = false;

    const show = (next: LiveNode): void => {
      known = next;
      setNode(next);
    };

    const look = async (): Promise<void> => {
      if (isStopped || isAsking || document.hidden) return;
      window.clearTimeout(timer);
      isAsking = true;
      try {
        const [status, history] = await Promise.all([
          askStatus(known.requests[0]?.number ?? 0),
          askHistory(known.history?.atMs.at(-1) ?? 0),
        ]);
        const isSame = known.status?.startedAtMs === status.startedAtMs;
        if (!isStopped && (isSame || known.status === undefined)) show(joined(known, status, history));
        // Another process answers now: what was asked for was "since" something that it does not know.
        else if (!isStopped) show(nothing);
      } catch (thrown) {
        if (thrown instanceof SignedOutError) {
          isStopped = true;
          onSignedOut();
          return;
        }
        show({ ...known, lostAtMs: known.lostAtMs ?? Date.now() });
      } finally {
        isAsking = false;
      }
      if (!isStopped) timer = window.setTimeout(look, known.lostAtMs === undefined ? intervalMs : retryMs);
    };

    const onVisible = (): void => void look();
    document.addEventListener('visibilitychange', onVisible);
    void look();
    return () => {
      isStopped = true;
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, []);

  return node;
}

function joined(known: LiveNode, status: StatusDocument, history: HistoryDocument): LiveNode {
  return {
    status,
    history: joinHistory(known.history, history),
    requests: [...status.recentRequests, ...known.requests].slice(0, keptRequests),
    lostAtMs: undefined,
  };
}
