/** Who this is. The Envoy version is the one whose API and behaviour are followed. */
import { fs } from '../runtime/node-module.ts';

export const ENVOY_VERSION = '1.40.0';

export function packageVersion(): string {
  const { version } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return version;
}

export function versionText(): string {
  return `outrider ${packageVersion()} (Envoy API ${ENVOY_VERSION}, Node ${process.version})`;
}
