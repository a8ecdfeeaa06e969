/** How log services are reached: through the configured cluster, as any request. The composition root puts the real one in. */
import type { StreamRetrySettings } from '../http/grpc-service.ts';
import type { RequestHeaders } from '../http/header-map.ts';

export interface LogServiceCall {
  /** It takes nothing for now. */
  readonly backedUp: boolean;
  send(message: Uint8Array): void;
  endRequest(): void;
}

export interface LogServiceClient {
  /** Calls and requests that have not ended. */
  readonly active: number;
  /** null: there is no such cluster, or it has failed at once. */
  openGrpc(
    cluster: string,
    headers: RequestHeaders,
    timeoutMs: number,
    listener: { onGrpcMessage(message: Buffer): void; onGrpcEnd(status: number): void },
    retry: StreamRetrySettings | null,
  ): LogServiceCall | null;
  /** False if there is no such cluster. */
  post(
    cluster: string,
    headers: RequestHeaders,
    body: Buffer,
    timeoutMs: number,
    answer: { onAnswer(status: number, grpcStatus: number): void; onFailure(): void },
  ): boolean;
}
