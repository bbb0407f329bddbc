/**
 * Settings that the configuration knows but this version does not act on. Where ignoring one would make the node
 * less safe than its operator believes, the file is refused; otherwise whoever gives the key is warned.
 */
import type { TreeReader } from './treeReader.js';

/** Reports problems and warnings on the tree of `config.yaml`. */
export function checkUnbuiltFeatures(tree: TreeReader): void {
  if (tree.at('compute.gpu') === 'cuda') {
    tree.warn('compute.gpu', '"cuda" is not built yet; engines are chosen as with "auto"');
  }
  if (tree.at('offers.enabled') === true) {
    tree.report('offers.enabled', 'expected false, since this version has no offers, found true');
  }
}
