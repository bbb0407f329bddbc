/**
 * Makes sure that the certificate and key of the public port can be used, and says which file cannot: uWS only
 * says that it failed, in a thread that is then started again and again. Runs in main.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NodeError } from '../errors/nodeError.js';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** @throws NodeError `config_invalid` */
export function checkCertificate({ certFile, keyFile }: CertificateFiles): void {
  const certificate = attempt(
    certFile,
    'node.tls.certFile',
    'a PEM certificate',
    (pem) => new X509Certificate(pem),
  );
  const key = attempt(keyFile, 'node.tls.keyFile', 'a PEM private key without a password', createPrivateKey);
  if (certificate.checkPrivateKey(key)) return;
  throw new NodeError('config_invalid', {
    message: `${keyFile} (node.tls.keyFile) is not the key of the certificate in ${certFile}`,
  });
}

function attempt<T>(file: string, path: string, expected: string, parse: (pem: Buffer) => T): T {
  try {
    return parse(readFileSync(file));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const isMissing = code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR';
    const problem = isMissing ? `cannot be read: ${code}` : `is not ${expected}`;
    throw new NodeError('config_invalid', { message: `${file} (${path}) ${problem}`, cause });
  }
}
