/** The effective configuration, and the buttons that change something. Runs in the browser. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConfigurationDocument, ReloadReport, StatusDocument } from '../statusDocument.js';
import { askConfiguration, askDrain, askReload } from './api.js';
import { Confirm } from './confirm.js';
import { dateTime } from './format.js';
import { Panel } from './parts.js';

type Asked = 'reload' | 'drain' | undefined;

export function Operations({ status }: { status: StatusDocument }) {
  const [asked, setAsked] = useState<Asked>();
  const [report, setReport] = useState<ReloadReport>();
  const [failure, setFailure] = useState<string>();
  const isDraining = status.state === 'draining';

  const run = async (work: () => Promise<void>): Promise<void> => {
    setAsked(undefined);
    setFailure(undefined);
    setReport(undefined);
    try {
      await work();
    } catch (thrown) {
      setFailure(thrown instanceof Error ? thrown.message : 'The node does not answer.');
    }
  };
  const reload = () => run(async () => setReport(await askReload()));
  const drain = () => run(async () => void (await askDrain()));

  const buttons = (
    <>
      <button type="button" disabled={isDraining} onClick={() => setAsked('reload')}>
        Reload…
      </button>
      <button type="button" class="danger" disabled={isDraining} onClick={() => setAsked('drain')}>
        Drain and stop…
      </button>
    </>
  );
  return (
    <Panel title="Configuration" id="configuration" aside={buttons}>
      <div role="status" class="outcome">
        {report !== undefined && <Report report={report} />}
        {failure !== undefined && <p class="problem-text">{failure}</p>}
        {isDraining && <p>The node takes nothing new; running answers may end, then it stops.</p>}
      </div>
      <p class="sub">Models and backends were loaded {dateTime(status.configuration.loadedAtMs)}.</p>
      <EffectiveConfiguration loadedAtMs={status.configuration.loadedAtMs} />
      {asked === 'reload' && (
        <Confirm
          title="Reload the configuration?"
          action="Reload"
          onConfirm={() => void reload()}
          onCancel={() => setAsked(undefined)}
        >
          Reads both files again and applies models, backends and log level, without cutting a stream. When
          something is wrong with them, nothing changes and you are told where.
        </Confirm>
      )}
      {asked === 'drain' && (
        <Confirm
          title="Drain and stop the node?"
          action="Drain and stop"
          isDangerous
          onConfirm={() => void drain()}
          onCancel={() => setAsked(undefined)}
        >
          Takes no new requests, lets running answers end within node.drainTimeout, then ends the process.
          Whether it is started again is up to your service manager; this page cannot do it.
        </Confirm>
      )}
    </Panel>
  );
}

function Report({ report }: { report: ReloadReport }) {
  const { isApplied, problems, warnings, needRestart, models } = report;
  if (!isApplied) {
    return (
      <>
        <p class="problem-text">The reload was refused; the configuration in force stays.</p>
        <ul class="plain-list">
          {problems.map((problem) => (
            <li key={problem}>
              <code>{problem}</code>
            </li>
          ))}
        </ul>
      </>
    );
  }
  return (
    <>
      <p>
        Reloaded: {models} {models === 1 ? 'model is' : 'models are'} served.
        {needRestart.length > 0 && ` Only a restart applies what changed in: ${needRestart.join(', ')}.`}
      </p>
      {warnings.length > 0 && (
        <ul class="plain-list">
          {warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Asked for when it is opened, and again after a reload. */
function EffectiveConfiguration({ loadedAtMs }: { loadedAtMs: number }) {
  const [isOpen, setOpen] = useState(false);
  const [shown, setShown] = useState<ConfigurationDocument>();
  const [failure, setFailure] = useState<string>();
  const toggle = useRef<HTMLDetailsElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    askConfiguration().then(setShown, (thrown: Error) => setFailure(thrown.message));
  }, [isOpen, loadedAtMs]);

  return (
    <details ref={toggle} onToggle={() => setOpen(toggle.current?.open ?? false)}>
      <summary>What is in force, secrets hidden</summary>
      {failure !== undefined && <p class="problem-text">{failure}</p>}
      {shown !== undefined && (
        <div class="files">
          <FileText path={shown.configFile} text={shown.config} />
          <FileText path={shown.modelBackendFile} text={shown.modelBackends} />
        </div>
      )}
    </details>
  );
}

function FileText({ path, text }: { path: string; text: string }) {
  return (
    <figure>
      <figcaption>
        <code>{path}</code>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keys. */}
      <pre tabIndex={0}>{text}</pre>
    </figure>
  );
}
