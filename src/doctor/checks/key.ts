/** The node's key: there, private, readable, and opened by the password that a start would use. */

import { checksumAddress } from '../../keys/checksumAddress.js';
import { openKeyFile } from '../../keys/keyFile.js';
import { keyFileProblem, keyFileRemedy } from '../../keys/keyFileError.js';
import { createNodeKey } from '../../keys/nodeKey.js';
import { readPasswordFile } from '../../keys/passwordFile.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, warning } from '../finding.js';

const title = 'Key';

export const checkKey: Check<NodeContext> = {
  group: 'Configuration',
  title: 'key',
  // The derivation of an encrypted key takes a second, and more beside others.
  deadlineMs: 30_000,
  async run({ config, env }) {
    const { file, passwordFile } = config.keys;
    const isOpen: Finding[] = [];
    const onWarning = (detail: string): void => {
      const path = detail.slice(0, detail.indexOf(': '));
      const remedy = `chmod 600 ${path}`;
      isOpen.push(warning({ id: 'key_open_to_others', title, detail: beforeRemedy(detail), remedy }));
    };
    try {
      const key = await openKeyFile(file, onWarning);
      const fromEnv = env['FXN_KEY_PASSWORD'] || undefined;
      const password = passwordFile === '' ? fromEnv : await readPasswordFile(passwordFile, onWarning);
      if (key.format === 'keystore' && password === undefined) {
        const detail = `${file} is encrypted, and no password is configured: a start without a terminal fails`;
        const remedy =
          'put the password into a file and name it in keys.passwordFile, or set FXN_KEY_PASSWORD';
        return [warning({ id: 'key_password_needed', title, detail, remedy }), ...isOpen];
      }
      const { address } = createNodeKey(await key.decode(password));
      const form = key.format === 'keystore' ? 'encrypted' : 'not encrypted';
      return [ok('key', title, `${checksumAddress(address)}, ${form}`), ...isOpen];
    } catch (thrown) {
      const problem = keyFileProblem(thrown);
      if (problem === undefined) throw thrown;
      const detail = beforeRemedy((thrown as Error).message);
      if (problem === 'missing') {
        const remedy = 'write one with "fxn init" or "fxn accounts new"; else the first start writes one';
        return [warning({ id: 'key_missing', title, detail, remedy })];
      }
      return [failure({ id: 'key_unreadable', title, detail, remedy: keyFileRemedy(problem) }), ...isOpen];
    }
  },
};

/** Messages about keys end with a sentence on what to do, which stands apart here. */
const beforeRemedy = (message: string): string => message.split(/\. (?=[A-Z])/)[0] ?? message;
