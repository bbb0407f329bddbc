/** Writes the parts of README.md that come from the code: `npm run manual`. Runs in a terminal. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renewManual } from './manual.js';

const path = fileURLToPath(new URL('../../../README.md', import.meta.url));
const before = readFileSync(path, 'utf8');
const after = await renewManual(before);
if (after !== before) writeFileSync(path, after);
console.log(after === before ? 'README.md is as the code has it' : 'README.md: tables written anew');
