/**
 * Makes the check of a schema, and says of a value that does not match where it is wrong and what was expected there.
 * What it says comes from the schema alone, never from the value: it may be shown to whoever sent it. The schema is
 * interpreted: generating and compiling code for it would cost every start more than it saves in small values.
 * Runs everywhere.
 */
import type { Static, TSchema } from 'typebox';
import { Check, Errors } from 'typebox/value';

export interface SchemaProblem {
  /** JSON pointer into the value, of at most 100 characters; empty for the value itself. */
  readonly place: string;
  /** Such as `64 hex digits`: the schema's `description` where it has one. */
  readonly expected: string;
}

/** The value under its type, or what is wrong with it. */
export type SchemaCheck<T> =
  | { readonly isValid: true; readonly value: T }
  | { readonly isValid: false; readonly problem: SchemaProblem };

type ValidationError = ReturnType<typeof Errors>[number];

const maxPlaceLength = 100;

/** The check changes nothing: members that the schema does not name stay where they are. */
export function compileSchema<Schema extends TSchema>(
  schema: Schema,
): (value: unknown) => SchemaCheck<Static<Schema>> {
  return (value) => {
    if (Check(schema, value)) return { isValid: true, value: value as Static<Schema> };
    return { isValid: false, problem: findProblem(schema, Errors(schema, value)) };
  };
}

/**
 * Of the errors the deepest, since the branches of a union that the value has nothing in common with fail at its top;
 * of several in one place the last, which is the union's own.
 */
function findProblem(schema: TSchema, errors: readonly ValidationError[]): SchemaProblem {
  let found: SchemaProblem = { place: '', expected: 'something else' };
  let foundDepth = -1;
  for (const error of errors) {
    const problem = explain(schema, error);
    const depth = problem.place.split('/').length;
    if (depth < foundDepth) continue;
    foundDepth = depth;
    found = problem;
  }
  return { ...found, place: found.place.slice(0, maxPlaceLength) };
}

function explain(root: TSchema, error: ValidationError): SchemaProblem {
  const schema = schemaAt(root, error.schemaPath);
  if (error.keyword === 'required') {
    const [name = ''] = error.params.requiredProperties;
    const member = memberOf(memberOf(schema, 'properties'), name);
    return {
      place: `${error.instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      expected: descriptionOf(member) ?? 'a value',
    };
  }
  return { place: error.instancePath, expected: descriptionOf(schema) ?? inWords(error) };
}

function inWords(error: ValidationError): string {
  if (error.keyword === 'anyOf') return 'one of the allowed forms';
  if (error.keyword === 'const') return JSON.stringify(error.params.allowedValue);
  return error.message.replace(/^must (?:be )?/, '');
}

/** @param path JSON pointer with a leading `#` */
function schemaAt(root: TSchema, path: string): unknown {
  let schema: unknown = root;
  for (const step of path.split('/').slice(1)) {
    schema = memberOf(schema, step.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  return schema;
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

function descriptionOf(schema: unknown): string | undefined {
  const description = memberOf(schema, 'description');
  return typeof description === 'string' ? description : undefined;
}
