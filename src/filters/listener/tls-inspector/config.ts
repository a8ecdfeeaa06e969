/** Source: envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector. */
import type { TlsInspector } from '../../../config/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';

export interface TlsInspectorSettings {
  /** Bytes after which a ClientHello that is still not complete ends the inspection. */
  readonly maxClientHelloSize: number;
  readonly closeOnParseError: boolean;
  readonly ja3: boolean;
  readonly ja4: boolean;
}

/** Envoy's limit, and the greatest that it lets be set. */
const MAX_CLIENT_HELLO_SIZE = 16 * 1024;

export function compileTlsInspector(message: TlsInspector): TlsInspectorSettings {
  return {
    maxClientHelloSize: Math.min(message.maxClientHelloSize ?? MAX_CLIENT_HELLO_SIZE, MAX_CLIENT_HELLO_SIZE),
    closeOnParseError: message.closeConnectionOnClientHelloParsingErrors,
    ja3: message.enableJa3Fingerprinting ?? false,
    ja4: message.enableJa4Fingerprinting ?? false,
  };
}
