/** What a connection tells whoever handles it, and how it is asked to end. */

export interface ConnectionHandler {
  /** Bytes from the peer. `chunk` is borrowed: whoever keeps it past this call first passes it through `keepChunk`. */
  onData(chunk: Buffer): void;
  /** The peer has sent FIN. The write side is still open. */
  onEnd(): void;
  /** The connection is gone, both ways; called exactly once, after which nothing else is. */
  onClose(event: CloseEvent): void;
  /** More than the buffer limit is waiting to be sent. */
  onAboveWriteBufferHighWatermark(): void;
  onBelowWriteBufferLowWatermark(): void;
}

export interface CloseEvent {
  /** Who ended it. */
  readonly origin: 'local' | 'remote';
  /** System error code such as ECONNRESET, or '' for an orderly close. */
  readonly error: string;
}

/**
 * How a connection is closed from this side. 'flush' sends what is pending and FIN, then closes; 'flush-delay' waits for the peer's FIN
 * before it closes (whoever asks for it bounds the wait, e.g. with delayed_close_timeout, by a later 'no-flush'): a socket closed with
 * unread input makes the kernel send RST, which can destroy an answer that the peer has not read yet; 'no-flush' closes now, 'reset' with RST.
 */
export type CloseType = 'flush' | 'flush-delay' | 'no-flush' | 'reset';
