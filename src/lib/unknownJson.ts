/** JSON that others wrote, of which nothing is known. */

/** `undefined` for text that is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Text of any kind may stand here, some other server's page or an answer that was cut off.
    return undefined;
  }
}

/** An object, and no array. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
