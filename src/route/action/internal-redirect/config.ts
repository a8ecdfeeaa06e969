/** Which redirects are followed here. Source: envoy.config.route.v3.InternalRedirectPolicy. */
import { anyTypeName, type CompileContext } from '../../../config/context.ts';
import type { TypedExtensionConfig } from '../../../config/gen/envoy/config/core/v3/extension_pb.js';
import {
  RouteAction_InternalRedirectAction as LegacyInternalRedirect,
  type RouteAction,
} from '../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { AllowListedRoutesConfig } from '../../../config/gen/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.js';
import type { InternalRedirectSettings, RedirectPredicate } from '../../route.ts';

const ALLOW_LISTED_ROUTES = 'envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig';
const PREVIOUS_ROUTES = 'envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig';
const SAFE_CROSS_SCHEME = 'envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig';

/** Only redirects can be followed: other codes are dropped, as Envoy drops them. */
const FOLLOWED = [301, 302, 303, 307, 308];

export function compileInternalRedirect(action: RouteAction, at: CompileContext): InternalRedirectSettings | null {
  const policy = action.internalRedirectPolicy;
  if (policy === undefined) {
    if (action.internalRedirectAction !== LegacyInternalRedirect.HANDLE_INTERNAL_REDIRECT) return null;
    return {
      maxInternalRedirects: action.maxInternalRedirects ?? 1,
      responseCodes: [302],
      allowCrossSchemeRedirect: false,
      responseHeadersToCopy: [],
      predicates: [],
    };
  }
  const here = at.field('internal_redirect_policy');
  policy.responseHeadersToCopy.forEach((name, i) => {
    if (name.startsWith(':') || name.toLowerCase() === 'host') {
      here.field('response_headers_to_copy', i).error(':-prefixed headers or Hosts may not be specified here.');
    }
  });
  policy.redirectResponseCodes.forEach((code, i) => {
    if (!FOLLOWED.includes(code))
      here.field('redirect_response_codes', i).warn(`${code} is no redirect that can be followed: it is ignored`);
  });
  const codes = policy.redirectResponseCodes.filter((code) => FOLLOWED.includes(code));
  return {
    maxInternalRedirects: policy.maxInternalRedirects ?? 1,
    responseCodes: policy.redirectResponseCodes.length === 0 ? [302] : codes,
    allowCrossSchemeRedirect: policy.allowCrossSchemeRedirect,
    responseHeadersToCopy: policy.responseHeadersToCopy.map((name) => name.toLowerCase()),
    predicates: policy.predicates.flatMap((predicate, i) => compilePredicate(predicate, here.field('predicates', i))),
  };
}

function compilePredicate(extension: TypedExtensionConfig, at: CompileContext): RedirectPredicate[] {
  const type = anyTypeName(extension.typedConfig);
  if (type === PREVIOUS_ROUTES) return [{ kind: 'previous_routes' }];
  if (type === SAFE_CROSS_SCHEME) return [{ kind: 'safe_cross_scheme' }];
  if (type === ALLOW_LISTED_ROUTES) {
    const config = at.field('typed_config').unpackAs<AllowListedRoutesConfig>(extension.typedConfig, ALLOW_LISTED_ROUTES);
    return [{ kind: 'allow_listed_routes', names: config === null ? [] : [...config.allowedRouteNames] }];
  }
  at.unsupported('typed_config');
  return [];
}
