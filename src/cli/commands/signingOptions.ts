/** The options that say how a request is signed, for the commands that sign one. */

const schemes = ['legacy', 'rfc9421'] as const;

export const signingOptions = {
  key: {
    type: 'string',
    requiresArg: true,
    describe:
      "Key file, or 0x and 64 hex digits, which other users of this machine can see (default: this home's key)",
  },
  'password-file': {
    type: 'string',
    requiresArg: true,
    describe: "File with the key's password (else FXN_KEY_PASSWORD, else asked)",
  },
  scheme: {
    choices: schemes,
    default: 'legacy',
    requiresArg: true,
    describe: 'How to sign; rfc9421 binds the signature to this request and to the host of the URL',
  },
  'chain-id': {
    type: 'number',
    requiresArg: true,
    describe: "For rfc9421: the registries' chain (default: this home's, else Base Sepolia)",
  },
} as const;
