/** Response flags: bits of StreamInfo.flags, numbered as in Envoy. Several are printed in the order in which they were set. */
const SHORT_AND_LONG = [
  ['LH', 'FailedLocalHealthCheck'],
  ['UH', 'NoHealthyUpstream'],
  ['UT', 'UpstreamRequestTimeout'],
  ['LR', 'LocalReset'],
  ['UR', 'UpstreamRemoteReset'],
  ['UF', 'UpstreamConnectionFailure'],
  ['UC', 'UpstreamConnectionTermination'],
  ['UO', 'UpstreamOverflow'],
  ['NR', 'NoRouteFound'],
  ['DI', 'DelayInjected'],
  ['FI', 'FaultInjected'],
  ['RL', 'RateLimited'],
  ['UAEX', 'UnauthorizedExternalService'],
  ['RLSE', 'RateLimitServiceError'],
  ['DC', 'DownstreamConnectionTermination'],
  ['URX', 'UpstreamRetryLimitExceeded'],
  ['SI', 'StreamIdleTimeout'],
  ['IH', 'InvalidEnvoyRequestHeaders'],
  ['DPE', 'DownstreamProtocolError'],
  ['UMSDR', 'UpstreamMaxStreamDurationReached'],
  ['RFCF', 'ResponseFromCacheFilter'],
  ['NFCF', 'NoFilterConfigFound'],
  ['DT', 'DurationTimeout'],
  ['UPE', 'UpstreamProtocolError'],
  ['NC', 'NoClusterFound'],
  ['OM', 'OverloadManagerTerminated'],
  ['DF', 'DnsResolutionFailed'],
  ['DO', 'DropOverload'],
  ['DR', 'DownstreamRemoteReset'],
  ['UDO', 'UnconditionalDropOverload'],
] as const;

type ShortFlag = (typeof SHORT_AND_LONG)[number][0];

/** `Flag.UH` is the bit of flag "UH". */
export const Flag = Object.freeze(Object.fromEntries(SHORT_AND_LONG.map(([short], i) => [short, 1 << i]))) as {
  readonly [K in ShortFlag]: number;
};

/** Short names, in Envoy's order. */
export const FLAG_NAMES: readonly string[] = SHORT_AND_LONG.map((names) => names[0]);

/** Bit for a short flag name, or 0 if there is none of that name. */
export function flagBit(short: string): number {
  const i = SHORT_AND_LONG.findIndex((names) => names[0] === short);
  return i < 0 ? 0 : 1 << i;
}

/** `order` with the flags of `added` behind those that it has: five bits a flag, the first one lowest. Six fit; later ones go by their bits. */
export function appendFlagOrder(order: number, added: number): number {
  let shift = 0;
  while (shift < 30 && order >>> shift !== 0) shift += 5;
  for (let i = 0; i < SHORT_AND_LONG.length && shift < 30; i++) {
    if ((added & (1 << i)) === 0) continue;
    order |= (i + 1) << shift;
    shift += 5;
  }
  return order;
}

function join(flags: number, order: number, column: 0 | 1): string {
  let text = '';
  let left = flags;
  for (let rest = order; rest !== 0; rest >>>= 5) {
    const i = (rest & 31) - 1;
    if ((left & (1 << i)) === 0) continue;
    left &= ~(1 << i);
    text += (text === '' ? '' : ',') + SHORT_AND_LONG[i]![column];
  }
  for (let i = 0; left !== 0 && i < SHORT_AND_LONG.length; i++) {
    if ((left & (1 << i)) === 0) continue;
    left &= ~(1 << i);
    text += (text === '' ? '' : ',') + SHORT_AND_LONG[i]![column];
  }
  return text;
}

/** "URX,UC", or '' for none. @param order StreamInfo.flagOrder; 0 = by their bits */
export function shortFlags(flags: number, order = 0): string {
  return flags === 0 ? '' : join(flags, order, 0);
}

/** "UpstreamRetryLimitExceeded,UpstreamConnectionTermination", or '' for none. */
export function longFlags(flags: number, order = 0): string {
  return flags === 0 ? '' : join(flags, order, 1);
}
