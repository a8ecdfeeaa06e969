/** Requests that the control thread has a worker make through clusters: reports to collectors, streams to services. */
import type { FilterDeps } from '../filters/api.ts';
import { AsyncClient } from '../filters/http/router/async-client.ts';
import type { GrpcCall } from '../filters/http/router/grpc-call.ts';
import { grpcFrame } from '../http/grpc-frames.ts';
import { RequestHeaders } from '../http/header-map.ts';
import type { ClusterAnswer, ClusterCall } from './messages.ts';

const outcome = (kind: ClusterAnswer['outcome'], status = 0, grpcStatus = -1): ClusterAnswer => ({ outcome: kind, status, grpcStatus });

export class ClusterCalls {
  readonly #deps: FilterDeps;
  readonly #client: AsyncClient;
  readonly #streams = new Map<string, GrpcCall>();

  constructor(deps: FilterDeps) {
    this.#deps = deps;
    this.#client = new AsyncClient(deps);
  }

  send(call: ClusterCall): Promise<ClusterAnswer> {
    const { cluster, timeoutMs, stream } = call;
    if (stream !== '') return Promise.resolve(this.#onStream(call));
    const headers = requestHeaders(call);
    const body = headers.get('content-type') === 'application/grpc' ? grpcFrame(call.body) : Buffer.from(call.body);
    return new Promise((resolve) => {
      const known = this.#client.post(cluster, headers, body, timeoutMs, {
        onAnswer: (status, grpcStatus) => resolve(outcome('answered', status, grpcStatus)),
        onFailure: () => resolve(outcome('failed')),
      });
      if (!known) resolve(outcome('no-cluster'));
    });
  }

  close(): void {
    for (const call of this.#streams.values()) call.endRequest();
    this.#streams.clear();
  }

  #onStream(message: ClusterCall): ClusterAnswer {
    const { stream, cluster, timeoutMs, body, opening } = message;
    let call = this.#streams.get(stream) ?? null;
    if (call?.backedUp === true) return outcome('backed-up');
    const opened = call === null;
    if (call === null) {
      call = this.#client.openGrpc(cluster, requestHeaders(message), timeoutMs, {
        onGrpcMessage: () => undefined,
        onGrpcEnd: () => this.#streams.delete(stream),
      });
      if (call === null) return outcome(this.#deps.clusters.get(cluster) === null ? 'no-cluster' : 'failed');
      this.#streams.set(stream, call);
    }
    call.send(opened && opening !== undefined ? Buffer.concat([opening, body]) : body);
    return outcome(opened ? 'opened' : 'sent');
  }
}

function requestHeaders({ path, authority, headers }: ClusterCall): RequestHeaders {
  const request = new RequestHeaders('POST', path, authority, 'http');
  for (const [name, value] of headers) request.append(name, value);
  return request;
}
