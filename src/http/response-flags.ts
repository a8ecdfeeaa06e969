/** Response flags: bits of StreamInfo.flags, in Envoy's order, which is also the order in which several are printed. */
const SHORT_AND_LONG = [
  ['LH', 'FailedLocalHealthCheck'], ['UH', 'NoHealthyUpstream'], ['UT', 'UpstreamRequestTimeout'], ['LR', 'LocalReset'], ['UR', 'UpstreamRemoteReset'],
  ['UF', 'UpstreamConnectionFailure'], ['UC', 'UpstreamConnectionTermination'], ['UO', 'UpstreamOverflow'], ['NR', 'NoRouteFound'], ['DI', 'DelayInjected'],
  ['FI', 'FaultInjected'], ['RL', 'RateLimited'], ['UAEX', 'UnauthorizedExternalService'], ['RLSE', 'RateLimitServiceError'], ['DC', 'DownstreamConnectionTermination'],
  ['URX', 'UpstreamRetryLimitExceeded'], ['SI', 'StreamIdleTimeout'], ['IH', 'InvalidEnvoyRequestHeaders'], ['DPE', 'DownstreamProtocolError'],
  ['UMSDR', 'UpstreamMaxStreamDurationReached'], ['RFCF', 'ResponseFromCacheFilter'], ['NFCF', 'NoFilterConfigFound'], ['DT', 'DurationTimeout'], ['UPE', 'UpstreamProtocolError'],
  ['NC', 'NoClusterFound'], ['OM', 'OverloadManagerTerminated'], ['DF', 'DnsResolutionFailed'], ['DO', 'DropOverload'], ['DR', 'DownstreamRemoteReset'], ['UDO', 'UnconditionalDropOverload'],
] as const;

type ShortFlag = (typeof SHORT_AND_LONG)[number][0];

/** `Flag.UH` is the bit of flag "UH". */
export const Flag = Object.freeze(Object.fromEntries(SHORT_AND_LONG.map(([short], i) => [short, 1 << i]))) as { readonly [K in ShortFlag]: number };

/** Short names, in Envoy's order. */
export const FLAG_NAMES: readonly string[] = SHORT_AND_LONG.map((names) => names[0]);

/** Bit for a short flag name, or 0 if there is none of that name. */
export function flagBit(short: string): number {
  const i = SHORT_AND_LONG.findIndex((names) => names[0] === short);
  return i < 0 ? 0 : 1 << i;
}

function join(flags: number, column: 0 | 1): string {
  let text = '';
  for (let i = 0; i < SHORT_AND_LONG.length; i++) if (flags & (1 << i)) text += (text === '' ? '' : ',') + SHORT_AND_LONG[i]![column];
  return text;
}

/** "URX,UC", or '' for none. */
export function shortFlags(flags: number): string {
  return flags === 0 ? '' : join(flags, 0);
}

/** "UpstreamRetryLimitExceeded,UpstreamConnectionTermination", or '' for none. */
export function longFlags(flags: number): string {
  return flags === 0 ? '' : join(flags, 1);
}
