/** The page of a signed-in operator. Runs in the browser. */
import { useEffect, useState } from 'preact/hooks';
import { Access } from './access.js';
import { Backends } from './backends.js';
import { Chain } from './chain.js';
import { Charts } from './charts.js';
import { Compute } from './compute.js';
import { dateTime, shortAddress, span } from './format.js';
import { type LiveNode, useLiveNode } from './liveNode.js';
import { Operations } from './operations.js';
import { Problems, stateWords, Tiles } from './overview.js';
import { Badge, Panel } from './parts.js';
import { Challenges, Requests } from './requests.js';
import { showTheme, storedTheme, storeTheme, type Theme } from './themeChoice.js';

const places = [
  ['load', 'Load'],
  ['backends', 'Backends'],
  ['requests', 'Requests'],
  ['challenges', 'Challenges'],
  ['compute', 'GPUs'],
  ['chain', 'Chain'],
  ['access', 'Access'],
  ['configuration', 'Configuration'],
] as const;

export function Dashboard({ onSignOut, onEnded }: { onSignOut: () => void; onEnded: () => void }) {
  const node = useLiveNode(onEnded);
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const isDark = useSystemDark();
  const choose = (chosen: Theme): void => {
    storeTheme(chosen);
    showTheme(chosen);
    setTheme(chosen);
  };
  return (
    <>
      <a class="skip" href="#main">
        Skip to the figures
      </a>
      <Header node={node} theme={theme} onTheme={choose} onSignOut={onSignOut} />
      <main id="main" tabIndex={-1}>
        <Body node={node} theme={`${theme} ${isDark}`} />
      </main>
    </>
  );
}

interface HeaderProps {
  readonly node: LiveNode;
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
  readonly onSignOut: () => void;
}

function Header({ node: { status, lostAtMs }, theme, onTheme, onSignOut }: HeaderProps) {
  const state = status && stateWords(status, lostAtMs !== undefined);
  useEffect(() => {
    document.title = state === undefined ? 'Provider node' : `${state.text} – Provider node`;
  }, [state?.text]);
  return (
    <header class="top">
      <div class="who">
        <h1>Provider node</h1>
        {/* Told politely, and only when it changes. */}
        <span role="status">{state !== undefined && <Badge tone={state.tone}>{state.text}</Badge>}</span>
        {status !== undefined && (
          <span class="sub identity">
            <code title={status.identity.address}>{shortAddress(status.identity.address)}</code> on chain{' '}
            {status.identity.chainId}, up {span(status.uptimeS)}, version {status.version}
          </span>
        )}
      </div>
      <div class="tools">
        <label class="unseen" for="theme">
          Colours
        </label>
        <select id="theme" value={theme} onChange={(event) => onTheme(event.currentTarget.value as Theme)}>
          <option value="system">System colours</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      </div>
      <nav aria-label="Sections">
        {places.map(([id, title]) => (
          <a key={id} href={`#${id}`}>
            {title}
          </a>
        ))}
      </nav>
    </header>
  );
}

function Body({ node, theme }: { node: LiveNode; theme: string }) {
  const { status, history, requests, lostAtMs } = node;
  const lost = lostAtMs !== undefined && (
    <p class="lost" role="alert">
      The node has not answered since {dateTime(lostAtMs)}
      {status?.state === 'draining'
        ? '; it was shutting down.'
        : '. It has ended, or the way to it is broken; its log says more.'}{' '}
      What is shown below is what was known last.
    </p>
  );
  if (status === undefined || history === undefined) {
    return lost || <p class="empty">Asking the node for its status…</p>;
  }
  return (
    <>
      {lost}
      <Panel title="Now" class="now">
        <Problems problems={status.problems} />
        <Tiles status={status} />
      </Panel>
      <Charts history={history} theme={theme} />
      <Backends models={status.models} backends={status.backends} />
      <Requests requests={requests} />
      <div class="pair">
        <Challenges recent={status.challenges.recent} />
        <Compute gpus={status.gpus} engines={status.challenges.engines} />
      </div>
      <div class="pair">
        <Chain chain={status.chain} />
        <Access auth={status.auth} />
      </div>
      <Operations status={status} />
    </>
  );
}

function useSystemDark(): boolean {
  const query = window.matchMedia('(prefers-color-scheme: dark)');
  const [isDark, setDark] = useState(query.matches);
  useEffect(() => {
    const onChange = (): void => setDark(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return isDark;
}
