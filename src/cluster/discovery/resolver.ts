/** Name resolution, as discovery asks for it. Never in the path of a request. */

export interface ResolvedAddress {
  readonly ip: string;
  /** Seconds; Infinity for what does not come from DNS (hosts file, literals). */
  readonly ttlS: number;
}

export interface DnsResolver {
  /**
   * Addresses of one family. An empty list means that the name is known to have none (NODATA, NXDOMAIN).
   * @throws when the question was not answered (timeout, SERVFAIL, refused)
   */
  resolve(name: string, family: 4 | 6): Promise<readonly ResolvedAddress[]>;
}
