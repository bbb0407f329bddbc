/** `node dist/main.js` = `fxn start`. */
import { launch } from './cli/launch.js';

await launch('fxn', ['start', ...process.argv.slice(2)]);
