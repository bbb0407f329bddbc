/**
 * Settings that the configuration knows but this version does not act on. Where ignoring one would make the node
 * less safe than its operator believes, the file is refused; otherwise whoever gives the key is warned.
 */
import type { TreeReader } from './treeReader.js';

/** Keys of `config.yaml` without effect; a group stands for everything in it. */
export const keysWithoutEffect = [
  'node.publicIp',
  'node.publicIpService',
  'node.publicUrl',
  'auth.authorities',
  'auth.session',
  'proxy.queue',
  'proxy.retryBudgetPercent',
  'proxy.breaker',
  'proxy.keepAliveComments',
  'proxy.affinity',
  'compute.gpu',
  'compute.maxMatrixSize',
  'compute.commitmentTtl',
  'compute.commitmentBytes',
  'challenge',
  'telemetry.otlpEndpoint',
  'alerts.webhookUrl',
] as const;

/** What differs from "nothing reads it". */
const exceptions: Readonly<Record<string, string>> = {
  'node.publicUrl': 'has no effect on the node in this version; only `fxn send` to a home with TLS reads it',
};

const noEffect = 'has no effect in this version';

/** Reports problems and warnings on the tree of `config.yaml`. */
export function checkUnbuiltFeatures(tree: TreeReader): void {
  for (const path of keysWithoutEffect) {
    if (tree.isGiven(path)) tree.warn(path, exceptions[path] ?? noEffect);
  }
  checkSchemes(tree);
  if (tree.at('offers.enabled') === true) {
    tree.report('offers.enabled', 'expected false, since this version has no offers, found true');
  }
}

/** The default names more than is built, so only what the file gives counts. */
function checkSchemes(tree: TreeReader): void {
  const schemes = tree.at('auth.schemes');
  if (!tree.isGiven('auth.schemes') || !Array.isArray(schemes)) return;
  if (schemes.every((scheme) => scheme !== 'legacy' && scheme !== undefined)) {
    tree.report('auth.schemes', 'expected "legacy" among them, the only scheme in this version, found none');
    return;
  }
  for (const [index, scheme] of schemes.entries()) {
    if (scheme === 'legacy' || scheme === undefined) continue;
    tree.warn(`auth.schemes[${index}]`, `"${scheme}" ${noEffect}`);
  }
}
