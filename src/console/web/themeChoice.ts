/** Light, dark, or as the system has it; remembered in this browser. Runs in the browser. */

export type Theme = 'system' | 'light' | 'dark';

const themes: readonly string[] = ['system', 'light', 'dark'];
const storageKey = 'fxn-console-theme';

export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(storageKey) ?? '';
    return themes.includes(stored) ? (stored as Theme) : 'system';
  } catch {
    // A browser may keep nothing for this page.
    return 'system';
  }
}

/** The attribute wins over what the system prefers; see page.css. */
export function showTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

export function storeTheme(theme: Theme): void {
  try {
    localStorage.setItem(storageKey, theme);
  } catch {
    // The choice then holds until the page is left.
  }
}
