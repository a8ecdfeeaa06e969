/** Environment variables of the process. */
export function environmentVariable(name: string): string | undefined {
  return process.env[name];
}
