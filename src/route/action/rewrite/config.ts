/** Rewrites of path and authority from a RouteAction. */
import type { CompileContext } from '../../../config/context.ts';
import type { RouteAction } from '../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { UriTemplateRewriteConfig } from '../../../config/gen/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.js';
import { compileRegexRewrite } from '../../../http/config.ts';
import { canonicalName } from '../../../http/header-lookup.ts';
import { wireText } from '../../../http/wire-text.ts';
import { compileTemplateRewrite, compileUriTemplate } from '../../match/uri-template.ts';
import type { PathMatchSettings, RewriteSettings } from '../../settings.ts';

const URI_TEMPLATE = 'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig';

/** Shared by all routes that rewrite nothing. */
const NO_REWRITE: RewriteSettings = {
  prefix: '',
  regex: null,
  template: '',
  host: '',
  hostHeader: '',
  hostPathRegex: null,
  autoHost: false,
  appendXForwardedHost: false,
};

export function compileRewrite(action: RouteAction, match: PathMatchSettings, at: CompileContext): RewriteSettings {
  const { prefixRewrite, regexRewrite, pathRewritePolicy, hostRewriteSpecifier: host } = action;
  const given = [prefixRewrite !== '', regexRewrite !== undefined, pathRewritePolicy !== undefined].filter(Boolean);
  if (given.length === 0 && host.case === undefined && !action.appendXForwardedHost) return NO_REWRITE;
  if (given.length > 1) at.error('Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy');
  if (prefixRewrite !== '' && match.kind === 'uri_template')
    at.field('prefix_rewrite').error('Cannot use prefix_rewrite with matcher extension');
  return {
    prefix: wireText(prefixRewrite),
    regex: regexRewrite === undefined ? null : compileRegexRewrite(regexRewrite, at.field('regex_rewrite')),
    template: pathRewritePolicy === undefined ? '' : compileTemplate(action, match, at.field('path_rewrite_policy').field('typed_config')),
    host: host.case === 'hostRewriteLiteral' ? wireText(host.value) : '',
    hostHeader: host.case === 'hostRewriteHeader' ? canonicalName(host.value) : '',
    hostPathRegex: host.case === 'hostRewritePathRegex' ? compileRegexRewrite(host.value, at.field('host_rewrite_path_regex')) : null,
    autoHost: host.case === 'autoHostRewrite' && host.value.value,
    appendXForwardedHost: action.appendXForwardedHost,
  };
}

function compileTemplate(action: RouteAction, match: PathMatchSettings, at: CompileContext): string {
  const config = at.unpackAs<UriTemplateRewriteConfig>(action.pathRewritePolicy?.typedConfig, URI_TEMPLATE);
  if (config === null) return '';
  if (match.kind !== 'uri_template') {
    at.error(`unable to use extension ${URI_TEMPLATE} without a path_match_policy of type uri_template`);
    return '';
  }
  try {
    compileTemplateRewrite(config.pathTemplateRewrite, compileUriTemplate(match.value));
  } catch (e) {
    at.field('path_template_rewrite').error((e as Error).message);
    return '';
  }
  return config.pathTemplateRewrite;
}
