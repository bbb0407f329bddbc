/**
 * The files of the console's page as the build made them, all in memory: a request names one of them or nothing, so no
 * path is ever put together from what a request says. Runs in main.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

export interface PageFile {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** `Cache-Control`: names that carry a hash of the content stay good for ever. */
  readonly caching: string;
  readonly etag: string;
}

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** By name, without a folder. */
export async function loadPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const folder = new URL('.', import.meta.resolve('#dist/console/index.html'));
  const names = (await readdir(folder)).filter((name) => contentTypes[extensionOf(name)] !== undefined);
  const files = await Promise.all(
    names.map(async (name): Promise<[string, PageFile]> => {
      const bytes = await readFile(new URL(name, folder));
      return [
        name,
        {
          bytes,
          contentType: contentTypes[extensionOf(name)]!,
          caching: /-[A-Z0-9]{8}\./.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
          etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
        },
      ];
    }),
  );
  return new Map(files);
}

const extensionOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
