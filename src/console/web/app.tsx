/** Signed in or not: what the page shows. Runs in the browser. */
import { useEffect, useState } from 'preact/hooks';
import { askSession, signOut } from './api.js';
import { Dashboard } from './dashboard.js';
import { Login } from './login.js';

type View = 'asking' | 'signed_out' | 'signed_in';

export function App() {
  const [view, setView] = useState<View>('asking');
  const [reason, setReason] = useState<string>();

  useEffect(() => {
    askSession().then(
      ({ isSignedIn }) => setView(isSignedIn ? 'signed_in' : 'signed_out'),
      () => {
        setReason('The node does not answer.');
        setView('signed_out');
      },
    );
  }, []);

  const leave = async (): Promise<void> => {
    await signOut().catch(() => undefined);
    setReason('You are signed out.');
    setView('signed_out');
  };
  const onEnded = (): void => {
    setReason('Your session has ended.');
    setView('signed_out');
  };

  switch (view) {
    case 'asking':
      return (
        <main class="login">
          <p class="empty">Asking the node…</p>
        </main>
      );
    case 'signed_out':
      return <Login reason={reason} onSignedIn={() => setView('signed_in')} />;
    case 'signed_in':
      return <Dashboard onSignOut={() => void leave()} onEnded={onEnded} />;
  }
}
