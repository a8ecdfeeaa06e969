/** %START_TIME%, %DURATION% and their kin. Durations are whole milliseconds, cut off as Envoy cuts them. */
import type { StreamInfo } from '../stream-info.ts';
import { FormatError, numberOperator, type OperatorMaker, plainNumber, refuseLength, requireArgs, stringOperator } from './operator.ts';
import { compileTimeFormat } from './start-time.ts';

function timeOperator(source: 'start' | 'emit', local: boolean): OperatorMaker {
  return (call, env) => {
    refuseLength(call);
    const time = compileTimeFormat(call.args, local);
    const text =
      source === 'start' ? (ctx: { info: StreamInfo }) => time.format(ctx.info.startWallMs) : () => time.format(env.clock.wallMs());
    return stringOperator(text);
  };
}

/** null when one of the two moments has not come. */
function between(from: number, to: number, unitsPerMs = 1): number | null {
  return from < 0 || to < 0 ? null : Math.trunc((to - from) * unitsPerMs);
}

/** Named moments of COMMON_DURATION. */
const MOMENTS: ReadonlyMap<string, (info: StreamInfo) => number> = new Map<string, (info: StreamInfo) => number>([
  ['DS_RX_BEG', (info) => info.startMs],
  ['DS_RX_END', (info) => info.lastDownstreamRxMs],
  ['US_CX_BEG', (info) => info.upstreamConnectBeginMs],
  ['US_CX_END', (info) => info.upstreamConnectEndMs],
  ['US_HS_END', (info) => info.upstreamHandshakeEndMs],
  ['US_TX_BEG', (info) => info.firstUpstreamTxMs],
  ['US_TX_END', (info) => info.lastUpstreamTxMs],
  ['US_RX_BEG', (info) => info.firstUpstreamRxMs],
  ['US_RX_BODY_BEG', (info) => info.firstUpstreamBodyRxMs],
  ['US_RX_END', (info) => info.lastUpstreamRxMs],
  ['DS_TX_BEG', (info) => info.firstDownstreamTxMs],
  ['DS_TX_END', (info) => info.lastDownstreamTxMs],
]);
const UNITS_PER_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['us', 1000],
  ['ns', 1_000_000],
]);

const commonDuration: OperatorMaker = (call) => {
  const [fromName, toName, unit, ...rest] = requireArgs(call).split(':');
  if (unit === undefined || rest.length > 0) throw new FormatError(`Invalid common duration configuration: ${call.args}.`);
  const from = MOMENTS.get(fromName!);
  const to = MOMENTS.get(toName!);
  const unitsPerMs = UNITS_PER_MS.get(unit);
  if (unitsPerMs === undefined) throw new FormatError(`Invalid common duration precision: ${unit}.`);
  // Envoy takes any other name for a moment that a filter may have recorded; none does here.
  return numberOperator((ctx) => (from === undefined || to === undefined ? null : between(from(ctx.info), to(ctx.info), unitsPerMs)));
};

export const TIME_OPERATORS: readonly (readonly [string, OperatorMaker])[] = [
  ['START_TIME', timeOperator('start', false)],
  ['START_TIME_LOCAL', timeOperator('start', true)],
  ['EMIT_TIME', timeOperator('emit', false)],
  ['EMIT_TIME_LOCAL', timeOperator('emit', true)],
  [
    'DURATION',
    (call, env) => plainNumber((ctx) => between(ctx.info.startMs, ctx.info.endMs < 0 ? env.clock.nowMs() : ctx.info.endMs))(call, env),
  ],
  ['REQUEST_DURATION', plainNumber((ctx) => between(ctx.info.startMs, ctx.info.lastDownstreamRxMs))],
  ['REQUEST_TX_DURATION', plainNumber((ctx) => between(ctx.info.startMs, ctx.info.lastUpstreamTxMs))],
  ['RESPONSE_DURATION', plainNumber((ctx) => between(ctx.info.startMs, ctx.info.firstUpstreamRxMs))],
  ['RESPONSE_TX_DURATION', plainNumber((ctx) => between(ctx.info.firstUpstreamRxMs, ctx.info.lastDownstreamTxMs))],
  ['ROUNDTRIP_DURATION', plainNumber(() => null)],
  ['UPSTREAM_CONNECTION_POOL_READY_DURATION', plainNumber((ctx) => between(ctx.info.poolRequestMs, ctx.info.poolReadyMs))],
  ['DOWNSTREAM_HANDSHAKE_DURATION', plainNumber(() => null)],
  ['COMMON_DURATION', commonDuration],
];
