/** Declares `fxn provider …`. Runs in the command line. */
import type { Action, Choose, Commands } from './action.js';
import { withConfigFiles } from './configFiles.js';
import { untilInterrupted } from './interruption.js';
import { signingOptions } from './signingOptions.js';

const { key, 'password-file': passwordFile } = signingOptions;

const sendOptions = {
  key,
  'password-file': passwordFile,
  unsigned: {
    type: 'boolean',
    describe: 'Prints the transactions as JSON for another signer, and sends nothing',
  },
  from: {
    type: 'string',
    requiresArg: true,
    describe: 'For --unsigned: the address that will send them (default: registry.owner, else the key)',
  },
  yes: { type: 'boolean', describe: 'Sends without asking' },
  json: { type: 'boolean', describe: 'The result as one line of JSON' },
  confirmations: {
    type: 'number',
    default: 1,
    requiresArg: true,
    describe: 'Blocks that have to agree, the one of the transaction included',
  },
  timeout: {
    type: 'string',
    default: '5m',
    requiresArg: true,
    describe: 'How long to wait for each transaction',
  },
  'max-cost': {
    type: 'string',
    default: '0.05',
    requiresArg: true,
    describe: 'ETH that the transactions may cost at most, beside the stake',
  },
} as const;

const id = {
  type: 'string',
  requiresArg: true,
  describe: 'Which provider, when the owner has several: text, or 0x and hex digits',
} as const;

const url = {
  type: 'string',
  requiresArg: true,
  describe: 'How gateways reach the node (default: node.publicUrl)',
} as const;

const exitText =
  'Exit code 0 when it is done, 1 when the contracts or the chain do not let it, 2 for a wrong call.\nBroken off, the same command goes on where it ended and sends nothing twice.';

export const declareProvider = (commands: Commands, choose: Choose): Commands =>
  commands.command(
    'provider',
    'Registers a provider on the chain: register, stake, update, pause, unpause, status, claim',
    (group) =>
      group
        .usage('$0 provider <command>\n\nWhat the owner of a provider does on the chain.')
        .demandCommand(1, 1, 'Which command?')
        .command(
          'register',
          'Registers a provider, with the stake of its model',
          (options) =>
            withConfigFiles(options)
              .usage(
                `$0 provider register\n\nApproves the stake, registers the provider and stakes, as far as that is not done yet. Shows everything with its cost and asks first.\n${exitText}`,
              )
              .options({
                url,
                name: { type: 'string', requiresArg: true, describe: 'A name to be shown' },
                model: {
                  type: 'string',
                  requiresArg: true,
                  describe: "The model's name or fxnId (default: the only one of model_backend.yaml)",
                },
                id: { ...id, describe: "The provider's id (default: the address of this home's key)" },
                'without-stake': {
                  type: 'boolean',
                  describe: 'Registers only; "fxn provider stake" does the rest',
                },
                ...sendOptions,
              })
              .epilogue(
                'For a hardware wallet or a multisig:\n  fxn provider register --url https://node.example.com --model 2 --unsigned --from 0x…',
              ),
          (args) =>
            choose(sending(async () => (await import('../providerRequests.js')).registerRequest(args), args)),
        )
        .command(
          'stake',
          'Stakes for a provider that is registered without',
          (options) =>
            withConfigFiles(options)
              .usage(`$0 provider stake\n\nStakes what the model asks for in its pool.\n${exitText}`)
              .options({ id, ...sendOptions }),
          (args) =>
            choose(
              sending(async () => (await import('../providerRequests.js')).plainRequest('stake', args), args),
            ),
        )
        .command(
          'update',
          'Changes the URL or the name of a provider',
          (options) =>
            withConfigFiles(options)
              .usage(`$0 provider update\n\nChanges the metadata; what is not given stays.\n${exitText}`)
              .options({
                url,
                name: { type: 'string', describe: 'A name to be shown; "" takes it away' },
                id,
                ...sendOptions,
              }),
          (args) =>
            choose(sending(async () => (await import('../providerRequests.js')).updateRequest(args), args)),
        )
        .command(
          'pause',
          'Takes a provider out of service',
          (options) =>
            withConfigFiles(options)
              .usage(
                `$0 provider pause\n\nGateways stop sending; the registration and the stake stay.\n${exitText}`,
              )
              .options({ id, ...sendOptions }),
          (args) =>
            choose(
              sending(async () => (await import('../providerRequests.js')).plainRequest('pause', args), args),
            ),
        )
        .command(
          'unpause',
          'Takes a paused provider into service again',
          (options) =>
            withConfigFiles(options)
              .usage(`$0 provider unpause\n\nThe end of a pause.\n${exitText}`)
              .options({ id, ...sendOptions }),
          (args) =>
            choose(
              sending(
                async () => (await import('../providerRequests.js')).plainRequest('unpause', args),
                args,
              ),
            ),
        )
        .command(
          'status',
          'Shows what the contracts say of an owner and its providers',
          (options) =>
            withConfigFiles(options)
              .usage(
                '$0 provider status\n\nReads the contracts; sends nothing and needs no password. What they do not tell is "not readable", in JSON null.\nExit code 0 when they could be read.',
              )
              .options({
                owner: {
                  type: 'string',
                  requiresArg: true,
                  describe:
                    "Whose providers (default: that of --key, else registry.owner, else this home's key)",
                },
                key,
                'password-file': passwordFile,
                json: { type: 'boolean', describe: 'One line of JSON' },
              }),
          (args) =>
            choose(async (io) => {
              const { providerStatus } = await import('../providerStatus.js');
              return untilInterrupted((signal) => providerStatus(args, { ...io, signal }));
            }),
        )
        .command(
          'claim',
          'Claims the rewards of all providers of an owner',
          (options) =>
            withConfigFiles(options)
              .usage(
                `$0 provider claim --from-epoch N\n\nClaims the rewards of an owner's providers for a range of epochs, and tells what came.\n${exitText}`,
              )
              .options({
                'from-epoch': {
                  type: 'string',
                  requiresArg: true,
                  demandOption: true,
                  describe: 'The first epoch',
                },
                'to-epoch': {
                  type: 'string',
                  requiresArg: true,
                  describe:
                    'The last one (default: the last that can be claimed, where the contracts say it)',
                },
                ...sendOptions,
              }),
          (args) =>
            choose(sending(async () => (await import('../providerRequests.js')).claimRequest(args), args)),
        ),
  );

type SendArgs = Parameters<typeof import('../provider.js')['provider']>[0];

/** What sends is loaded, and the libraries of the chain with it, when a command runs. */
function sending(
  requestOf: () => Promise<Parameters<typeof import('../provider.js')['provider']>[1]>,
  args: SendArgs,
): Action {
  return async (io) => {
    const { provider } = await import('../provider.js');
    const request = await requestOf();
    return untilInterrupted((signal) => provider(args, request, { ...io, signal }));
  };
}
