/** Methods of Node's Buffer that are stable in practice and fast, but missing from its published types. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string;
  latin1Write(text: string, offset: number, length: number): number;
}
