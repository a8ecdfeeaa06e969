/** The stream to one access-log service, shared by the logs that are configured alike. Source: envoy.service.accesslog.v3.AccessLogService. */
import { type GrpcServiceSettings, grpcRequestHeaders, type StreamRetrySettings } from '../../http/grpc-service.ts';
import type { Clock } from '../../runtime/clock.ts';
import { ProtobufWriter } from '../../runtime/protobuf-writer.ts';
import { type BatchSender, type BatchSettings, LogBatch, type LogServiceStats } from '../log-batch.ts';
import type { LogServiceCall, LogServiceClient } from '../service-client.ts';

const PATH = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

export interface LogStreamSettings extends BatchSettings {
  /** Which of the two kinds of entries it carries. */
  readonly entries: 'http' | 'tcp';
  readonly logName: string;
  readonly service: GrpcServiceSettings;
  /** null: the next batch tries, and no sooner. */
  readonly retry: StreamRetrySettings | null;
}

export interface LogStreamDeps {
  readonly clock: Clock;
  readonly client: LogServiceClient;
  /** envoy.config.core.v3.Node of this proxy. */
  readonly node: Uint8Array;
}

export class LogStream implements BatchSender {
  readonly batch: LogBatch;
  readonly #settings: LogStreamSettings;
  readonly #deps: LogStreamDeps;
  readonly #forget: () => void;
  #call: LogServiceCall | null;

  /** @param forget called when it has not been used for long; it can be used all the same */
  constructor(settings: LogStreamSettings, deps: LogStreamDeps, stats: LogServiceStats, forget: () => void) {
    this.#settings = settings;
    this.#deps = deps;
    this.#forget = forget;
    this.#call = null;
    this.batch = new LogBatch(deps.clock, settings, stats, this);
  }

  send(entries: ProtobufWriter): boolean {
    if (this.#call?.backedUp === true) return false;
    const message = new ProtobufWriter(entries.length + 64);
    let call = this.#call;
    if (call === null) {
      const { service, logName } = this.#settings;
      call = this.#open(service);
      // There is nobody to tell; what has gathered is lost, as in Envoy.
      if (call === null) return true;
      this.#call = call;
      const identifier = message.begin(1);
      message.bytes(1, this.#deps.node).text(2, logName);
      message.end(identifier);
    }
    message.message(this.#settings.entries === 'http' ? 2 : 3, entries);
    call.send(message.finish());
    return true;
  }

  /** Ends the stream when what has gathered is on its way. */
  close(): void {
    this.batch.stop();
    this.onIdle();
  }

  onIdle(): void {
    this.#call?.endRequest();
    this.#call = null;
    this.#forget();
  }

  #open(service: GrpcServiceSettings): LogServiceCall | null {
    let call: LogServiceCall | null = null;
    const listener = {
      // Services send none.
      onGrpcMessage: () => undefined,
      // The next batch opens another.
      onGrpcEnd: () => {
        if (this.#call === call) this.#call = null;
      },
    };
    call = this.#deps.client.openGrpc(service.cluster, grpcRequestHeaders(service, PATH, 0), 0, listener, this.#settings.retry);
    return call;
  }
}
