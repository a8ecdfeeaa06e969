/** Environment variables of the process. */
export function environmentVariable(name: string): string | undefined {
  return process.env[name];
}

const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);

/** Whether `net.Server.listen` knows `reusePort` (Node 22.12, 23.1); an older one ignores it in silence. */
export const HAS_REUSE_PORT = MAJOR > 23 || (MAJOR === 23 && MINOR >= 1) || (MAJOR === 22 && MINOR >= 12);
