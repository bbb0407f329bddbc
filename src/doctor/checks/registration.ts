/** Whether the network knows this node: its owner is listed as a provider, is not paused, and has staked. */
import { chainFailureKind } from '../../contracts/chainFailure.js';
import { checksumAddress } from '../../keys/checksumAddress.js';
import { addressText } from '../../lib/address.js';
import { providerSigners } from '../../registry/gatewayIdentity.js';
import type { Check } from '../check.js';
import type { NodeContext } from '../context.js';
import { type Finding, failure, ok, skipped, type Trouble, warning } from '../finding.js';
import { noOwner, warnOfNoRpc } from './rpc.js';
import { findStake } from './stake.js';

const title = 'Registration';

export const checkRegistration: Check<NodeContext> = {
  group: 'Chain',
  title: 'registration',
  deadlineMs: 40_000,
  async run(context) {
    const { chainId, registry } = context.config;
    const silence = warnOfNoRpc(await context.rpcs(), chainId);
    if (silence !== undefined) return [skipped('registration', title, silence)];
    const owner = await context.owner();
    if (owner === undefined) return [noOwner(title)];
    const read = await context.registry('provider').catch((thrown: unknown) => {
      if (chainFailureKind(thrown) === undefined) throw thrown;
      return undefined;
    });
    if (read === undefined) return [skipped('registration', title, 'the provider registry does not answer')];
    const own = read.entries.filter((entry) =>
      providerSigners(entry).some((signer) => addressText(signer) === owner),
    );
    const address = checksumAddress(owner);
    if (own.some(({ paused }) => !paused)) {
      const known = ok('registration', title, `${address} is a registered provider, not paused`);
      return [known, ...(await findStake(context, owner))];
    }
    const tell = (trouble: Trouble): Finding =>
      registry.requireRegistration === 'off' ? warning(trouble) : failure(trouble);
    const [paused] = own;
    return [
      paused === undefined
        ? tell({
            id: 'registration_absent',
            title,
            detail: `${address} is no registered provider: gateways send no requests here`,
            remedy: `register it on the provider registry ${read.registry} with "fxn provider register", or set registry.owner in config.yaml to the address that is`,
          })
        : tell({
            id: 'registration_paused',
            title,
            detail: `the provider of ${address} is paused: gateways send no requests here`,
            remedy: `end the pause with "fxn provider unpause", which calls unpause(${paused.id}) on ${read.registry}`,
          }),
    ];
  },
};
