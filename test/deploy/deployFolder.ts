/** What operators deploy with, in config/. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const configFolder = fileURLToPath(new URL('../../../config/', import.meta.url));
export const deployFolder = `${configFolder}deploy/`;
/** `node.drainTimeout` unless told otherwise. */
export const drainTimeoutS = 30;

export const readDeployed = (path: string): string => readFileSync(`${deployFolder}${path}`, 'utf8');
export const parseDeployed = <Shape>(path: string): Shape =>
  parse(readDeployed(path), { merge: true }) as Shape;
