/** Signing in. Runs in the browser. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { signIn } from './api.js';

export function Login({ reason, onSignedIn }: { reason: string | undefined; onSignedIn: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => field.current?.focus(), []);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (token === '') {
      setProblem('Paste the token first.');
      field.current?.focus();
      return;
    }
    setBusy(true);
    try {
      await signIn(token);
      onSignedIn();
    } catch (thrown) {
      setProblem(thrown instanceof Error ? thrown.message : 'The node does not answer.');
      setBusy(false);
      field.current?.select();
    }
  };

  return (
    <main class="login">
      <form class="panel" onSubmit={submit} noValidate>
        <h1>Provider node</h1>
        <p id="where">
          The token is in the file <code>console-token</code> of the node's home folder, which is{' '}
          <code>~/.fxn</code> unless the node was started with another. On that machine:
        </p>
        <pre>cat ~/.fxn/console-token</pre>
        {reason !== undefined && problem === undefined && <p role="status">{reason}</p>}
        {/* What a browser keeps the token under. */}
        <input type="text" autocomplete="username" value="operator" readOnly hidden />
        <label for="token">Token</label>
        <input
          id="token"
          ref={field}
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          aria-describedby={problem === undefined ? 'where' : 'problem'}
          aria-invalid={problem !== undefined}
        />
        <p id="problem" role="alert" class="problem-text">
          {problem}
        </p>
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}
