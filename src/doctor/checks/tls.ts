/** Certificate and key of the public port, where the node terminates TLS itself. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { NodeError } from '../../errors/nodeError.js';
import { checkCertificate } from '../../http/checkCertificate.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { failure, ok, warning } from '../finding.js';

const title = 'TLS certificate';
const dayMs = 24 * 60 * 60 * 1_000;
const soonDays = 14;

export const checkTls: Check<NodeContext> = {
  group: 'Configuration',
  title: 'TLS certificate',
  deadlineMs: 2_000,
  async run({ config }) {
    const { certFile, keyFile } = config.node.tls;
    if (certFile === '') return [];
    try {
      checkCertificate({ certFile, keyFile });
    } catch (thrown) {
      if (!(thrown instanceof NodeError)) throw thrown;
      const remedy = 'correct node.tls in config.yaml, or the files that it names';
      return [failure({ id: 'tls_unusable', title, detail: thrown.message, remedy })];
    }
    const { validTo } = new X509Certificate(await readFile(certFile));
    const days = Math.floor((Date.parse(validTo) - Date.now()) / dayMs);
    if (days >= soonDays) return [ok('tls', title, `valid until ${validTo}`)];
    const trouble = {
      id: 'tls_expires',
      title,
      detail: days < 0 ? `expired on ${validTo}` : `expires in ${days} days`,
      remedy: `renew ${certFile}, then restart the node`,
    } as const;
    return [days < 0 ? failure(trouble) : warning(trouble)];
  },
};
