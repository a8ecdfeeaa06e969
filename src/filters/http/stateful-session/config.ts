/** Source: envoy.extensions.filters.http.stateful_session.v3.StatefulSession, with its cookie and header session states. */
import { anyTypeName, type CompileContext } from '../../../config/context.ts';
import type {
  StatefulSession,
  StatefulSessionPerRoute,
} from '../../../config/gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js';
import type { CookieBasedSessionState } from '../../../config/gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js';
import type { HeaderBasedSessionState } from '../../../config/gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js';
import { durationMs } from '../../../http/config.ts';
import { wireText } from '../../../http/wire-text.ts';
import type { CookieSessionSettings, HeaderSessionSettings, RouteSessionSettings, StatefulSessionSettings } from './settings.ts';

const COOKIE = 'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState';
const HEADER = 'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState';

export function compileStatefulSession(message: StatefulSession, at: CompileContext): StatefulSessionSettings {
  const status = message.statusOnStrictDestinationNotFound;
  return {
    state: compileState(message, at.field('session_state').field('typed_config')),
    strict: message.strict,
    statPrefix: message.statPrefix,
    notFoundStatus: status === 0 ? 503 : status,
  };
}

export function compileStatefulSessionOfRoute(message: StatefulSessionPerRoute, at: CompileContext): RouteSessionSettings {
  const { case: kind, value } = message.override;
  return { session: kind === 'statefulSession' ? compileStatefulSession(value, at.field('stateful_session')) : null };
}

function compileState(message: StatefulSession, at: CompileContext): StatefulSessionSettings['state'] {
  const any = message.sessionState?.typedConfig;
  if (any === undefined) return null;
  switch (anyTypeName(any)) {
    case COOKIE:
      return compileCookie(at.unpackAs<CookieBasedSessionState>(any, COOKIE), at);
    case HEADER: {
      const header = at.unpackAs<HeaderBasedSessionState>(any, HEADER);
      return header === null ? null : ({ kind: 'header', name: header.name.toLowerCase() } satisfies HeaderSessionSettings);
    }
    default:
      at.notImplemented(`session state ${anyTypeName(any)} is not supported by Outrider yet`);
      return null;
  }
}

function compileCookie(message: CookieBasedSessionState | null, at: CompileContext): CookieSessionSettings | null {
  const cookie = message?.cookie;
  if (cookie === undefined) return null;
  if (cookie.name === '') at.field('cookie').field('name').error('Cookie key cannot be empty for cookie based stateful sessions');
  const ttlSeconds = Math.floor((durationMs(cookie.ttl) ?? 0) / 1000);
  let suffix = ttlSeconds > 0 ? `; Max-Age=${ttlSeconds}` : '';
  if (cookie.path !== '') suffix += '; Path=' + wireText(cookie.path);
  for (const { name, value } of cookie.attributes) suffix += '; ' + wireText(value === '' ? name : `${name}=${value}`);
  return { kind: 'cookie', name: wireText(cookie.name), ttlSeconds, path: wireText(cookie.path), suffix: suffix + '; HttpOnly' };
}
