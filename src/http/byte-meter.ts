/** Bytes of one message exchange on its connection, as access logs name them. A codec's stream counts its own; nobody copies them before a log line asks. */
export interface ByteMeter {
  /** Everything read for the exchange: start line, fields, body framing. Bytes of a pipelined request that came along are in it, as in Envoy. */
  wireBytesReceived: number;
  wireBytesSent: number;
  /** Field lines: names, values, and of each line ":" and CRLF, without the blanks between; neither start line nor empty line. */
  headerBytesReceived: number;
  /** Field lines as written. */
  headerBytesSent: number;
}

/** Bytes of a raw connection. */
export function wireBytes(received: number, sent: number): ByteMeter {
  return { wireBytesReceived: received, wireBytesSent: sent, headerBytesReceived: 0, headerBytesSent: 0 };
}

/** Goes on counting where `previous` has ended: the tries of one request are counted together. */
export function continueMeter(meter: ByteMeter, previous: ByteMeter): void {
  meter.wireBytesReceived += previous.wireBytesReceived;
  meter.wireBytesSent += previous.wireBytesSent;
  meter.headerBytesReceived += previous.headerBytesReceived;
  meter.headerBytesSent += previous.headerBytesSent;
}
