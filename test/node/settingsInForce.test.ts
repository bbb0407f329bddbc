import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SettingsInForce } from '#src/node/settingsInForce.js';
import { load, oneModel, required } from '../config/configHome.js';

it('applies log level, webhook and models of a reload; the rest stays and is named', (t) => {
  const atStart = load(t, { config: required });
  const settings = new SettingsInForce(atStart);
  const fresh = load(t, {
    config: `${required}  maxStaleness: "5m"
logger: { verbosity: "debug" }
alerts: { webhookUrl: "https://alerts.example.com/a" }
`,
    modelBackend: oneModel.replace('"m"', '"other"'),
  });

  settings.apply(fresh);
  assert.equal(settings.logLevel, 'debug');
  assert.equal(settings.loaded.config.alerts.webhookUrl, 'https://alerts.example.com/a');
  assert.deepEqual(
    settings.loaded.modelBackends.models.map(({ name }) => name),
    ['other'],
  );
  assert.equal(settings.loaded.config.registry.maxStaleness, 1_800_000);
  assert.equal(settings.loaded.paths, atStart.paths);
  assert.ok(settings.needRestart.includes('registry'));
  assert.ok(!settings.needRestart.includes('logger') && !settings.needRestart.includes('alerts'));
});

it('needs no restart any more once the file says again what it said at the start', (t) => {
  const atStart = load(t, { config: required });
  const settings = new SettingsInForce(atStart);
  const { paths, modelBackends, warnings } = atStart;
  const config = { ...atStart.config, chainId: atStart.config.chainId + 1 };
  settings.apply({ config, modelBackends, paths, warnings });
  assert.deepEqual(settings.needRestart, ['chainId']);
  settings.apply(atStart);
  assert.deepEqual(settings.needRestart, []);
});
