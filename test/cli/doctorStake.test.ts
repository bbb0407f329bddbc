/** What `fxn doctor` says of a provider's stake, on a network that asks for one. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { type ProviderStand, startProviderStand } from '#test/provider/providerStand.js';
import { runFxn } from '#test/support/runFxn.js';

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly detail: string;
  readonly remedy: string | null;
}

let stand: ProviderStand;
before(async () => {
  stand = await startProviderStand();
});
after(() => stand?.close());

it('misses the stake of a provider that registered without it, and finds it once it is there', async (t) => {
  const home = await stand.home(t);
  const stakeFinding = async (): Promise<Finding> => {
    await stand.network.mine();
    const run = await runFxn(['doctor', '--json', '--no-public', '--no-engines', '--home', home.folder]);
    const { findings } = JSON.parse(run.out) as { findings: readonly Finding[] };
    const [finding, ...others] = findings.filter(({ id }) => id.startsWith('stake'));
    assert.deepEqual(others, [], run.out);
    assert.ok(finding !== undefined, run.out);
    return finding;
  };
  const registered = await home.run('register', '--url', 'https://node.example', '--without-stake', '--yes');
  assert.equal(registered.code, 0, registered.err);
  const missing = await stakeFinding();
  assert.deepEqual([missing.id, missing.severity], ['stake_missing', 'failure']);
  assert.match(missing.detail, /^0 FUNC of \d+ FUNC staked for model 2,/);
  assert.equal(missing.remedy, 'stake the rest with "fxn provider stake"');

  const staked = await home.run('stake', '--yes');
  assert.equal(staked.code, 0, staked.err);
  const found = await stakeFinding();
  assert.deepEqual([found.id, found.severity], ['stake', 'ok']);
  assert.match(found.detail, /^(\d+) FUNC of \1 FUNC staked for model 2$/);
});
