/** Who this is. The Envoy version is the one whose API and behaviour are followed. */
import { fs } from '../runtime/node-module.ts';
import { PACKAGE_ROOT } from '../runtime/package-root.ts';

export const ENVOY_VERSION = '1.40.0';

export function packageVersion(): string {
  const { version } = JSON.parse(fs.readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')) as { version: string };
  return version;
}

/** 1.2.3 as 1002003: what `server.version` shows. */
export function versionNumber(): number {
  const [major = 0, minor = 0, patch = 0] = packageVersion()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  return (major * 1000 + minor) * 1000 + patch;
}

export function versionText(): string {
  return `outrider ${packageVersion()} (Envoy API ${ENVOY_VERSION}, Node ${process.version})`;
}
