/** Where the package's own files lie, whether its sources run or its build, which joins modules into fewer files. */
const here = import.meta.url;
const built = !here.endsWith('.ts');

/** `file:` URL of the folder that has package.json. */
export const PACKAGE_ROOT: string = here.slice(0, here.lastIndexOf(built ? '/dist/' : '/src/') + 1);

/** @param path below src/, with the extension of its source, e.g. "server/worker-thread.ts" */
export function codeUrl(path: string): URL {
  return new URL(built ? `dist/${path.replace(/\.ts$/, '.js')}` : `src/${path}`, PACKAGE_ROOT);
}
