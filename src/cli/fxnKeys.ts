#!/usr/bin/env node
/** The executable `fxn-keys`. */
import { launch } from './launch.js';

await launch('fxn-keys', process.argv.slice(2));
