/** The values of a new `config.yaml`: from the options, else asked, else the network's own. Runs in the command line. */
import { baseSepolia } from '../../config/baseSepolia.js';
import type { TemplateValue } from '../../config/fillTemplate.js';
import { NodeError } from '../../errors/nodeError.js';
import { reservePort } from '../../http/reservePort.js';
import { checksumAddress } from '../../keys/checksumAddress.js';
import type { AskLine } from '../askLine.js';
import { UsageError } from '../usageError.js';
import { type GivenSetup, type ListenTarget, readAddress, readHttpUrl, readListen } from './initOptions.js';

export type ConfigValues = Readonly<Record<string, TemplateValue>>;

/** Only what the options say. */
export function saidValues(
  { chainId, ...given }: GivenSetup,
  passwordFile: string | undefined,
): ConfigValues {
  const { scheduler, router, owner, listen, admin, publicUrl, rpcUrls } = given;
  return {
    ...(rpcUrls.length > 0 && { rpcProvider: rpcUrls }),
    ...(scheduler !== undefined && { schedulerAddress: checksumAddress(scheduler) }),
    ...(chainId !== undefined && { chainId }),
    ...(router !== undefined && { 'registry.routerSmartContractAddress': checksumAddress(router) }),
    ...(owner !== undefined && { 'registry.owner': checksumAddress(owner) }),
    ...(listen !== undefined && listenValues('node', listen)),
    ...(publicUrl !== undefined && { 'node.publicUrl': publicUrl }),
    ...(admin !== undefined && listenValues('admin', admin)),
    ...(passwordFile !== undefined && { 'keys.passwordFile': passwordFile }),
  };
}

const listenValues = (section: 'node' | 'admin', { host, port }: ListenTarget): ConfigValues => ({
  [`${section}.listenAddress`]: host,
  [`${section}.listenPort`]: port,
});

/**
 * What a new file needs beside what was said.
 * @param askLine absent: nothing is asked
 * @throws UsageError where something has no default and cannot be asked
 */
export async function otherValues(
  given: GivenSetup,
  chainId: number,
  askLine: AskLine | undefined,
): Promise<ConfigValues> {
  const isKnown = chainId === baseSepolia.chainId;
  const address = async (option: string, words: string, known: string): Promise<string> => {
    if (askLine === undefined) {
      if (isKnown) return known;
      throw new UsageError(`${option} is needed: the ${words} of chain ${chainId} is not known.`);
    }
    const text = await ask(askLine, `Address of the ${words}`, isKnown ? known : undefined, (answer) =>
      readAddress(answer, 'It'),
    );
    return checksumAddress(text);
  };
  const values: Record<string, TemplateValue> = {};
  if (given.scheduler === undefined) {
    values['schedulerAddress'] = await address('--scheduler', 'scheduler', baseSepolia.schedulerAddress);
  }
  if (given.router === undefined) {
    const routerPath = 'registry.routerSmartContractAddress';
    values[routerPath] = await address('--router', 'Router contract', baseSepolia.routerAddress);
  }
  if (given.listen === undefined) {
    const free = { host: '127.0.0.1', port: await freePort(8080, 8090) };
    const listen =
      askLine === undefined
        ? free
        : await ask(askLine, 'Listen for gateways on', `${free.host}:${free.port}`, (answer) =>
            readListen(answer, 'It'),
          );
    Object.assign(values, listenValues('node', listen));
  }
  if (given.admin === undefined) {
    values['admin.listenPort'] = await freePort(9090, 9091);
  }
  if (given.publicUrl === undefined && askLine !== undefined) {
    values['node.publicUrl'] = await ask(askLine, 'URL under which gateways reach the node', '', (answer) =>
      answer === '' ? '' : readHttpUrl(answer, 'It'),
    );
  }
  return values;
}

/** Asks until the answer can be read; an empty one is the default. */
export async function ask<T>(
  askLine: AskLine,
  question: string,
  fallback: string | undefined,
  read: (answer: string) => T,
): Promise<T> {
  const hint = fallback === undefined ? '' : ` [${fallback || 'none'}]`;
  for (let complaint = ''; ; ) {
    const answer = (await askLine(`${complaint}${question}${hint}: `)).trim() || fallback;
    try {
      if (answer !== undefined) return read(answer);
      complaint = 'There is no default. ';
    } catch (thrown) {
      if (!(thrown instanceof UsageError)) throw thrown;
      complaint = `${thrown.message} `;
    }
  }
}

/** How many ports are tried before the usual one is taken although it is not free. */
const tries = 10;

/** The usual port, or the next one on loopback that nobody listens on: llama.cpp likes 8080, Prometheus 9090. */
async function freePort(usual: number, next: number): Promise<number> {
  for (const port of [usual, ...Array.from({ length: tries }, (_, index) => next + index)]) {
    try {
      return await reservePort('127.0.0.1', port);
    } catch (thrown) {
      if (!(thrown instanceof NodeError)) throw thrown;
    }
  }
  return usual;
}
