/**
 * `${NAME}` and `${NAME:-default}` inside a text of the configuration. Works on scalars that the YAML parser
 * has already cut out, so a value of the environment can never become a key, a list or a comment.
 */

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Substituted {
  readonly text: string;
  /** Whether a value was put in; such a text is never shown in a message, it may be a secret. */
  readonly replaced: boolean;
  /** What is wrong with the references, empty when nothing is. */
  readonly faults: readonly string[];
}

/** An escape, a whole reference, or the start of one that does not end. */
const reference = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}|\$\{/g;

export function substituteEnv(text: string, env: Environment): Substituted {
  if (!text.includes('${')) return { text, replaced: false, faults: [] };
  const faults: string[] = [];
  let replaced = false;
  const result = text.replaceAll(reference, (match: string, name?: string, fallback?: string) => {
    if (match === '$${') return '${';
    if (name === undefined) {
      faults.push(
        `expected \${NAME} or \${NAME:-default} (write $\${ for a literal \${), found a "\${" that is neither`,
      );
      return match;
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    replaced = true;
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) {
      faults.push(
        `expected the environment variable ${name}, which is not set and has no default (\${${name}:-…})`,
      );
      return match;
    }
    return value;
  });
  return { text: result, replaced, faults };
}
