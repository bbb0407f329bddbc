/** Loaded before anything is shown, so that no page flashes in the wrong colours. Runs in the browser. */
import { showTheme, storedTheme } from './themeChoice.js';

showTheme(storedTheme());
