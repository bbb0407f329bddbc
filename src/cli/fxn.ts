#!/usr/bin/env node
/** The executable `fxn`. */
import { launch } from './launch.js';

await launch('fxn', process.argv.slice(2));
