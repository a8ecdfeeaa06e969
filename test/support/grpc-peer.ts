/** A gRPC service of all four kinds with @grpc/grpc-js, made by hand: messages are bytes, so that no schema is needed. */
import {
  Client,
  credentials,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';

type Bytes = MethodDefinition<Buffer, Buffer>;
const asIs = (bytes: Buffer): Buffer => bytes;

function method(name: string, requestStream: boolean, responseStream: boolean): Bytes {
  const path = `/test.Echo/${name}`;
  const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
  return { path, requestStream, responseStream, originalName: name, ...codec };
}

export const METHODS = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  expand: method('Expand', false, true),
  chat: method('Chat', true, true),
  /** Never answers. */
  hang: method('Hang', false, false),
  /** Fails with the status and message of the request, "5 no such thing". */
  fail: method('Fail', false, false),
  /** Sends one message, and fails then. */
  failLate: method('FailLate', false, true),
};

export interface GrpcPeer {
  readonly port: number;
  /** Calls of `hang` and `chat` that the server has been told to give up. */
  readonly cancelled: () => number;
  stop(): void;
}

export interface PeerCertificates {
  readonly authority: Buffer;
  readonly chain: Buffer;
  readonly key: Buffer;
}

const UNLIMITED = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

export async function startGrpcServer(secure: PeerCertificates | null): Promise<GrpcPeer> {
  let cancelled = 0;
  const server = new Server(UNLIMITED);
  const unary: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const initial = new Metadata();
    const trailing = new Metadata();
    for (const [name, values] of Object.entries(call.metadata.toJSON())) {
      if (!name.startsWith('x-')) continue;
      for (const value of values as (string | Buffer)[]) {
        initial.add(name, value);
        trailing.add(name.replace('x-', 'x-t-'), value);
      }
    }
    call.sendMetadata(initial);
    callback(null, call.request, trailing);
  };
  const collect: handleClientStreamingCall<Buffer, Buffer> = (call, callback) => {
    const parts: Buffer[] = [];
    call.on('data', (part: Buffer) => parts.push(part));
    call.on('end', () => callback(null, Buffer.concat(parts)));
  };
  const expand: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    const [count, size] = call.request.toString().split(' ').map(Number) as [number, number];
    for (let i = 0; i < count; i++) call.write(Buffer.alloc(size, i));
    call.end();
  };
  const chat: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.on('data', (message: Buffer) => call.write(message));
    call.on('end', () => call.end());
    call.on('cancelled', () => cancelled++);
    call.on('error', () => undefined);
  };
  const hang: handleUnaryCall<Buffer, Buffer> = (call) => {
    call.on('cancelled', () => cancelled++);
  };
  const fail: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const [, code, details] = /^(\d+) (.*)$/s.exec(call.request.toString())!;
    callback({ code: Number(code), details: details! });
  };
  const failLate: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    call.write(Buffer.from('first'));
    call.emit('error', { code: status.DATA_LOSS, details: 'the rest is lost' });
  };
  server.addService(METHODS as unknown as ServiceDefinition, { unary, collect, expand, chat, hang, fail, failLate });
  const own =
    secure === null
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(secure.authority, [{ private_key: secure.key, cert_chain: secure.chain }]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', own, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
  return { port, cancelled: () => cancelled, stop: () => server.forceShutdown() };
}

/** @param secure the authority that the server's certificate is of, and the client's own */
export function grpcClient(port: number, secure: PeerCertificates | null): Client {
  if (secure === null) return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), UNLIMITED);
  const own = credentials.createSsl(secure.authority, secure.key, secure.chain);
  return new Client(`127.0.0.1:${port}`, own, { ...UNLIMITED, 'grpc.ssl_target_name_override': 'a.test' });
}
