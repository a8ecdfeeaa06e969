/** Every way in which the HTTP/1 codec refuses a message, with the reply that Envoy sends. Constant objects: refusing allocates nothing. */
import type { CodecError } from '../codec.ts';

const badRequest = (details: string): CodecError => ({ status: 400, body: 'Bad Request', details, protocolError: true });

/** The bytes are no HTTP/1 message. */
export const CODEC_ERROR = badRequest('http1.codec_error');
export const INVALID_CHARACTERS = badRequest('http1.invalid_characters');
export const INVALID_SCHEME = badRequest('http1.invalid_scheme');
export const INVALID_URL = badRequest('http1.invalid_url');
export const INVALID_AUTHORITY = badRequest('http.invalid_authority');
export const CONNECTION_HEADER_REJECTED = badRequest('http1.connection_header_rejected');
export const BODY_DISALLOWED = badRequest('http1.body_disallowed');
export const CHUNKED_CONTENT_LENGTH = badRequest('http1.content_length_and_chunked_not_allowed');
export const UNEXPECTED_UNDERSCORE = badRequest('http1.unexpected_underscore');
export const CONTENT_LENGTH_NOT_ALLOWED = badRequest('http1.content_length_not_allowed');
export const TRANSFER_ENCODING_NOT_ALLOWED = badRequest('http1.transfer_encoding_not_allowed');
export const INVALID_TRANSFER_ENCODING: CodecError = {
  status: 501,
  body: 'Not Implemented',
  details: 'http1.invalid_transfer_encoding',
  protocolError: true,
};
export const HEADERS_TOO_LARGE: CodecError = {
  status: 431,
  body: 'Request Header Fields Too Large',
  details: 'http1.headers_too_large',
  protocolError: true,
};
export const TOO_MANY_HEADERS: CodecError = { ...HEADERS_TOO_LARGE, details: 'http1.too_many_headers' };
/** HTTP/1.0 and anything else that is not 1.1. */
export const LOW_VERSION: CodecError = { status: 426, body: 'Upgrade Required', details: 'low_version', protocolError: true };
