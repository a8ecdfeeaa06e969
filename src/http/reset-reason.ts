/** Why a stream ended before its end, and the words Envoy uses for it in bodies and details. Source: StreamResetReason. */
export const ResetReason = {
  LocalReset: 0,
  LocalRefusedStreamReset: 1,
  RemoteReset: 2,
  RemoteRefusedStreamReset: 3,
  LocalConnectionFailure: 4,
  RemoteConnectionFailure: 5,
  ConnectionTimeout: 6,
  ConnectionTermination: 7,
  Overflow: 8,
  ConnectError: 9,
  ProtocolError: 10,
  OverloadManager: 11,
  Http1PrematureUpstreamHalfClose: 12,
  /** ConnectionTermination of which is known that the peer had closed before the request reached it: nobody has executed it. */
  ConnectionTerminationUnread: 13,
} as const;
export type ResetReason = (typeof ResetReason)[keyof typeof ResetReason];

export const RESET_REASON_TEXT: readonly string[] = [
  'local reset',
  'local refused stream reset',
  'remote reset',
  'remote refused stream reset',
  'local connection failure',
  'remote connection failure',
  'connection timeout',
  'connection termination',
  'overflow',
  'remote error with CONNECT request',
  'protocol error',
  'overload manager reset',
  'HTTP/1 premature upstream half close',
  'connection termination',
];
