/** For what is looked at once, outside of whatever has a Clock. @returns milliseconds since 1970 */
export function wallTimeMs(): number {
  return Date.now();
}
