/** All checks, in the order in which they are shown; they run at once. Runs in the command line. */
import type { Check } from './check.js';
import { checkBackends } from './checks/backends.js';
import { checkClock } from './checks/clock.js';
import { checkContracts } from './checks/contracts.js';
import { checkEngines } from './checks/engines.js';
import { checkGateways } from './checks/gateways.js';
import { checkHome } from './checks/home.js';
import { checkKey } from './checks/key.js';
import { checkOpenFiles } from './checks/openFiles.js';
import { checkPorts } from './checks/ports.js';
import { checkPublicUrl } from './checks/publicUrl.js';
import { checkRegistration } from './checks/registration.js';
import { checkRpc } from './checks/rpc.js';
import { checkRuntime } from './checks/runtime.js';
import { checkTls } from './checks/tls.js';
import type { MachineContext, NodeContext } from './context.js';

export const machineChecks: readonly Check<MachineContext>[] = [checkRuntime, checkHome, checkOpenFiles];

export const nodeChecks: readonly Check<NodeContext>[] = [
  checkKey,
  checkTls,
  checkRpc,
  checkClock,
  checkContracts,
  checkRegistration,
  checkGateways,
  checkBackends,
  checkPorts,
  checkPublicUrl,
  checkEngines,
];
