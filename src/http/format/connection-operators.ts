/** Operators on addresses, connections, cluster and upstream host. */
import type { Address } from '../../net/address.ts';
import type { ByteMeter } from '../byte-meter.ts';
import { Flag } from '../response-flags.ts';
import { type FormatContext, type OperatorMaker, plainNumber, plainString, stringOperator, textOrNull } from './operator.ts';
import { tlsOperators } from './tls-operators.ts';

function withoutPort(address: Address): string {
  return address.kind === 'ip' ? address.ip : address.text;
}

/** NAME_ADDRESS, NAME_ADDRESS_WITHOUT_PORT and NAME_PORT. */
function addressOperators(name: string, source: (ctx: FormatContext) => Address | null): (readonly [string, OperatorMaker])[] {
  return [
    [`${name}_ADDRESS`, plainString((ctx) => source(ctx)?.text ?? null)],
    [
      `${name}_ADDRESS_WITHOUT_PORT`,
      plainString((ctx) => {
        const address = source(ctx);
        return address === null ? null : withoutPort(address);
      }),
    ],
    [
      `${name}_PORT`,
      plainNumber((ctx) => {
        const address = source(ctx);
        return address === null || address.kind !== 'ip' ? null : address.port;
      }),
    ],
  ];
}

/** NAME_WIRE_BYTES_…, NAME_HEADER_BYTES_… and NAME_DECOMPRESSED_HEADER_BYTES_…: HTTP/1 headers are not compressed, so both counts are one. */
function byteOperators(name: string, source: (ctx: FormatContext) => ByteMeter | null): (readonly [string, OperatorMaker])[] {
  const headerReceived = plainNumber((ctx) => source(ctx)?.headerBytesReceived ?? 0);
  const headerSent = plainNumber((ctx) => source(ctx)?.headerBytesSent ?? 0);
  return [
    [`${name}_WIRE_BYTES_RECEIVED`, plainNumber((ctx) => source(ctx)?.wireBytesReceived ?? 0)],
    [`${name}_WIRE_BYTES_SENT`, plainNumber((ctx) => source(ctx)?.wireBytesSent ?? 0)],
    [`${name}_HEADER_BYTES_RECEIVED`, headerReceived],
    [`${name}_HEADER_BYTES_SENT`, headerSent],
    [`${name}_DECOMPRESSED_HEADER_BYTES_RECEIVED`, headerReceived],
    [`${name}_DECOMPRESSED_HEADER_BYTES_SENT`, headerSent],
  ];
}

/** Of hosts whose connection took the request: Envoy lists those of the last try. */
function attempted(source: (ctx: FormatContext) => string | null): OperatorMaker {
  return plainString((ctx) => (ctx.info.upstreamConnectionId === 0 ? null : source(ctx)));
}

function upstreamHostName(ctx: FormatContext): string | null {
  const host = ctx.info.upstreamHost;
  return host === null ? null : host.hostname === '' ? host.address.text : host.hostname;
}

function hostNameWithoutPort(ctx: FormatContext): string | null {
  const host = ctx.info.upstreamHost;
  if (host === null) return null;
  if (host.hostname === '') return withoutPort(host.address);
  const colon = host.hostname.lastIndexOf(':');
  return colon > 0 && /^\d+$/.test(host.hostname.slice(colon + 1)) ? host.hostname.slice(0, colon) : host.hostname;
}

/** Of requests Envoy tells only that there was a host. */
function upstreamCloseType({ info }: FormatContext): string | null {
  if (info.upstreamHost === null) return null;
  return info.requestHeaders === null && (info.flags & Flag.UR) !== 0 ? 'RemoteReset' : 'Normal';
}

/** Peculiarities of connections that nothing here records. */
const UNRECORDED = [
  'DOWNSTREAM_LOCAL_CLOSE_REASON',
  'UPSTREAM_LOCAL_CLOSE_REASON',
  'UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID',
  'DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID',
  'BYTES_RETRANSMITTED',
  'PACKETS_RETRANSMITTED',
] as const;

const nothing: OperatorMaker = () => stringOperator(() => null);

export const CONNECTION_OPERATORS: readonly (readonly [string, OperatorMaker])[] = [
  ...addressOperators('DOWNSTREAM_REMOTE', (ctx) => ctx.info.remoteAddress),
  ...addressOperators('DOWNSTREAM_DIRECT_REMOTE', (ctx) => ctx.info.connection.directRemoteAddress),
  ...addressOperators('DOWNSTREAM_LOCAL', (ctx) => ctx.info.connection.localAddress),
  ...addressOperators('DOWNSTREAM_DIRECT_LOCAL', (ctx) => ctx.info.connection.directLocalAddress),
  ...addressOperators('UPSTREAM_LOCAL', (ctx) => ctx.info.upstreamLocalAddress),
  ...addressOperators('UPSTREAM_REMOTE', (ctx) => ctx.info.upstreamHost?.address ?? null),
  ['UPSTREAM_HOST', plainString((ctx) => ctx.info.upstreamHost?.address.text ?? null)],
  ['UPSTREAM_HOST_NAME', plainString(upstreamHostName)],
  ['UPSTREAM_HOST_NAME_WITHOUT_PORT', plainString(hostNameWithoutPort)],
  ['UPSTREAM_HOSTS_ATTEMPTED', attempted((ctx) => ctx.info.upstreamHost?.address.text ?? null)],
  [
    'UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT',
    attempted((ctx) => (ctx.info.upstreamHost === null ? null : withoutPort(ctx.info.upstreamHost.address))),
  ],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED', attempted(upstreamHostName)],
  ['UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT', attempted(hostNameWithoutPort)],
  ['UPSTREAM_CONNECTION_IDS_ATTEMPTED', attempted((ctx) => String(ctx.info.upstreamConnectionId))],
  ['UPSTREAM_PROTOCOL', plainString((ctx) => textOrNull(ctx.info.upstreamProtocol))],
  ['UPSTREAM_CLUSTER', plainString((ctx) => textOrNull(ctx.info.upstreamClusterObservabilityName))],
  // The name of a cluster that does not exist is no cluster.
  ['UPSTREAM_CLUSTER_RAW', plainString((ctx) => (ctx.info.upstreamClusterObservabilityName === '' ? null : ctx.info.upstreamCluster))],
  ['UPSTREAM_CONNECTION_ID', plainNumber((ctx) => ctx.info.upstreamConnectionId)],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', plainNumber((ctx) => ctx.info.attemptCount)],
  ['UPSTREAM_TRANSPORT_FAILURE_REASON', plainString((ctx) => withoutSpaces(ctx.info.upstreamTransportFailureReason))],
  ['DOWNSTREAM_TRANSPORT_FAILURE_REASON', plainString((ctx) => withoutSpaces(ctx.info.downstreamTransportFailureReason))],
  ['CONNECTION_ID', plainNumber((ctx) => ctx.info.connection.id)],
  ['CONNECTION_TERMINATION_DETAILS', plainString((ctx) => textOrNull(ctx.info.connectionTerminationDetails))],
  ['REQUESTED_SERVER_NAME', plainString((ctx) => textOrNull(ctx.info.connection.requestedServerName))],
  ['TLS_JA3_FINGERPRINT', plainString((ctx) => textOrNull(ctx.info.connection.tlsFingerprints?.ja3 ?? ''))],
  ['TLS_JA4_FINGERPRINT', plainString((ctx) => textOrNull(ctx.info.connection.tlsFingerprints?.ja4 ?? ''))],
  ['DOWNSTREAM_DETECTED_CLOSE_TYPE', plainString((ctx) => ctx.info.connection.closeType ?? 'Normal')],
  ['UPSTREAM_DETECTED_CLOSE_TYPE', plainString(upstreamCloseType)],
  ['FILTER_CHAIN_NAME', plainString((ctx) => textOrNull(ctx.info.connection.filterChainName))],
  ['ROUTE_NAME', plainString((ctx) => textOrNull(ctx.info.routeName))],
  // "other" is the statistics' name for none of them.
  [
    'VIRTUAL_CLUSTER_NAME',
    plainString((ctx) => (ctx.info.virtualClusterName === 'other' ? null : textOrNull(ctx.info.virtualClusterName))),
  ],
  // No flag is the empty text and not "-".
  ['CUSTOM_FLAGS', plainString((ctx) => ctx.info.customFlags)],
  ...byteOperators('DOWNSTREAM', (ctx) => ctx.info.downstreamBytes),
  ...byteOperators('UPSTREAM', (ctx) => ctx.info.upstreamBytes),
  ...tlsOperators('DOWNSTREAM', (ctx) => ctx.info.connection.tls),
  ...tlsOperators('UPSTREAM', (ctx) => ctx.info.upstreamTls),
  ...UNRECORDED.map((name) => [name, nothing] as const),
];

/** A reason is one word in a log line. */
function withoutSpaces(reason: string): string | null {
  return reason === '' ? null : reason.indexOf(' ') < 0 ? reason : reason.replaceAll(' ', '_');
}
