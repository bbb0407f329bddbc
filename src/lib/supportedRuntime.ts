/**
 * Whether this Node.js can run the node at all, said in one sentence before anything else is loaded: the HTTP
 * server comes as a binary per platform and Node.js version. Runs in main, before everything.
 */

/** `process.versions.modules` of Node.js 20 and 22, the versions that the server library has binaries for. */
const supportedAbis: Readonly<Record<string, string>> = { '115': '20', '127': '22' };
const platforms = ['linux', 'darwin'];

export interface Runtime {
  readonly version: string;
  readonly abi: string;
  readonly platform: string;
  readonly arch: string;
}

/** Why it cannot run, with the remedy; `undefined` when it can. */
export function runtimeProblem({ version, abi, platform, arch }: Runtime): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isTooOld = major === 20 && minor < 19;
  if (supportedAbis[abi] === undefined || isTooOld) {
    return (
      `Node.js ${version} is not supported: the HTTP server uWebSockets.js has binaries for Node.js 20 (from ` +
      '20.19) and 22. Install one of these, for example with "npm exec --package=node@22 -- node dist/main.js".'
    );
  }
  if (!platforms.includes(platform) || !['x64', 'arm64'].includes(arch)) {
    return (
      `${platform} on ${arch} is not supported: the HTTP server uWebSockets.js has binaries for glibc Linux and ` +
      'macOS on x64 and arm64.'
    );
  }
  return undefined;
}
