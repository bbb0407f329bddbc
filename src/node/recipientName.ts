/** Whether requests that are signed for their recipient can be meant for this node. Runs in main. */
import type { Config } from '../config/config.js';
import type { Logger } from '../logger/logger.js';

export function warnWithoutName(config: Config, log: Logger): void {
  if (!config.auth.schemes.includes('rfc9421') || !isNameless(config)) return;
  const remedy = 'set node.publicUrl or auth.authorities';
  log.warn({ remedy }, 'this node has no name: requests signed for their recipient (rfc9421) are refused');
}

/** Nobody sends a request to the address that means all of them. */
function isNameless({ node, auth }: Config): boolean {
  const isEverywhere = node.listenAddress === '0.0.0.0' || node.listenAddress === '::';
  return isEverywhere && node.publicUrl === '' && auth.authorities.length === 0;
}
