/** Entry of the GPU host: the child process in which all native compute libraries live and die. */
import { hostEngines } from '#src/compute/hostEngines.js';
import { serveHost } from '#src/compute/serveHost.js';

serveHost(hostEngines);
