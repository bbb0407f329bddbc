/** Who was let in and who was not. Runs in the browser. */
import type { AuthStatus } from '../statusDocument.js';
import { count } from './format.js';
import { Badge, Empty, Facts, Meter, Panel } from './parts.js';

export function Access({ auth }: { auth: AuthStatus }) {
  const { entries, capacity } = auth.replayTable;
  const outcomes = Object.entries(auth.outcomes).sort(([, left], [, right]) => right - left);
  const store =
    auth.sharedStore === null ? (
      'none; nonces are kept in this process'
    ) : (
      <Badge tone={auth.sharedStore.isUp ? 'good' : 'bad'}>{auth.sharedStore.problem ?? 'in use'}</Badge>
    );
  return (
    <Panel title="Authentication" id="access">
      {outcomes.length === 0 ? (
        <Empty>Nobody has asked to be let in yet.</Empty>
      ) : (
        <Facts items={outcomes.map(([outcome, times]) => [outcome, count(times)] as const)} />
      )}
      <Facts
        items={[
          [
            'Used nonces',
            <>
              {count(entries)} of {count(capacity)}
              <Meter value={entries} of={capacity} label="replay table" />
            </>,
          ],
          ['Shared store', store],
        ]}
      />
    </Panel>
  );
}
