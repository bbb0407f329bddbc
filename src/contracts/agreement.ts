/**
 * Whether the endpoints name the contracts that a plan is made for. A single endpoint that names a contract of its own could
 * have the owner approve tokens for it, so with several configured none is believed alone, and what was read in a batch is
 * asked for once more. Runs in the command line.
 */
import { encodeFunctionData, isHex } from 'viem/utils';
import { providerRegistryAbi } from '#abis/providerRegistry.js';
import { routerAbi } from '#abis/router.js';
import type { NodeError } from '../errors/nodeError.js';
import type { AddressText } from '../lib/address.js';
import type { HexText } from '../lib/hexText.js';
import type { Chain, EndpointReason } from './chain.js';
import { chainFailure, chainFailureKind } from './chainFailure.js';
import type { ProviderState } from './readProviderState.js';

interface Question {
  readonly to: AddressText;
  readonly data: HexText;
  /** The address in use; `undefined` where the contract names none. */
  readonly used: AddressText | undefined;
}

/**
 * @param state what is going to be planned with
 * @param soFar says what was sent already, for the error
 * Throws a chain failure when an endpoint names another contract than the state does, and when, of several configured
 * endpoints, fewer than two answer.
 */
export async function requireAgreement(
  chain: Chain,
  router: AddressText,
  state: ProviderState,
  soFar: string,
): Promise<void> {
  const silent = new Map<string, EndpointReason>();
  let answered = 0;
  for (const question of questionsOf(router, state)) {
    const { to, data } = question;
    const answers = await chain.requestAll('eth_call', [{ to, data }, 'latest']);
    answered = answers.length;
    for (const { label, index, result } of answers) {
      if (result.status === 'rejected' && chainFailureKind(result.reason) !== 'reverted') {
        if (chainFailureKind(result.reason) === undefined) throw result.reason;
        silent.set(`${index}`, { label, reason: (result.reason as NodeError).message });
        continue;
      }
      const word = result.status === 'fulfilled' ? addressWord(result.value) : undefined;
      if (word !== wordOf(question.used)) throw contradiction(question.to, answers.length, soFar);
    }
  }
  const missing = [...chain.unusable, ...silent.values()];
  const configured = chain.unusable.length + answered;
  if (configured - missing.length >= Math.min(2, configured)) return;
  throw tooFew(configured, missing, soFar);
}

function questionsOf(router: AddressText, { registry, stakes, token }: ProviderState): readonly Question[] {
  const call = { abi: routerAbi } as const;
  return [
    { to: router, data: encodeFunctionData({ ...call, functionName: 'providerRegistry' }), used: registry },
    ...[...stakes].map(([modelId, { pool }]) => ({
      to: router,
      data: encodeFunctionData({ ...call, functionName: 'providerStaking', args: [modelId] }),
      used: pool,
    })),
    {
      to: registry,
      data: encodeFunctionData({ abi: providerRegistryAbi, functionName: 'FUNC' }),
      used: token?.address,
    },
  ];
}

const zeroWord = `0x${'0'.repeat(64)}`;

/** The first 32 bytes of an answer; `undefined` where it names no address. */
function addressWord(answer: unknown): string | undefined {
  if (!isHex(answer) || answer.length < zeroWord.length) return undefined;
  const word = answer.slice(0, zeroWord.length).toLowerCase();
  return word === zeroWord ? undefined : word;
}

const wordOf = (address: AddressText | undefined): string | undefined =>
  address === undefined ? undefined : `0x${address.slice(2).padStart(64, '0')}`;

const contradiction = (address: AddressText, asked: number, soFar: string): NodeError => {
  const what =
    asked === 1
      ? `The RPC endpoint contradicts itself about the contracts that ${address} names, so it is wrong or lies.`
      : `The RPC endpoints name different contracts for ${address}, so one of them is wrong or lies.`;
  return chainFailure('bad_response', `${what} ${soFar} Keep only endpoints in rpcProvider that you trust.`, {
    address,
  });
};

function tooFew(configured: number, missing: readonly EndpointReason[], soFar: string): NodeError {
  const lines = missing.map(({ label, reason }) => `  ${label}: ${reason}`).join('\n');
  return chainFailure(
    'unreachable',
    configured === 1
      ? `The RPC endpoint did not say which contracts to use. ${soFar} Wait until it answers:\n${lines}`
      : `Of ${configured} RPC endpoints ${configured - missing.length === 0 ? 'none' : 'only one'} said which contracts to use, and of several two have to agree. ${soFar} ` +
          `Wait until these answer, or remove them from rpcProvider:\n${lines}`,
  );
}
