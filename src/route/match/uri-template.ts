/**
 * Path templates of envoy.path.match.uri_template and envoy.path.rewrite.uri_template: `*` one segment, `**` any rest (at the end, or
 * followed by a literal without further wildcards), `{name}` and `{name=pattern}` captures.
 */
import { compileRegex, type LinearRegex } from '../../http/regex.ts';

export interface UriTemplate {
  readonly text: string;
  readonly regex: LinearRegex;
  /** Capture names in order: group i+1 holds names[i]. */
  readonly names: readonly string[];
}

export class UriTemplateError extends Error {}

// RFC 3986 pchar, without the characters that templates give a meaning.
const SEGMENT = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=]+";
const REST = "[a-zA-Z0-9\\-._~%!$&'()+,;:@=/]*";
const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/;
const NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,15}$/;
const MAX_CAPTURES = 5;

/** @throws UriTemplateError */
export function compileUriTemplate(text: string): UriTemplate {
  if (!text.startsWith('/')) throw new UriTemplateError(`path_match_policy.path_template ${text} does not start with "/"`);
  const names: string[] = [];
  let restSeen = false;
  const segmentPattern = (segment: string): string => {
    if (restSeen && (segment.includes('*') || segment.startsWith('{'))) throw new UriTemplateError(`${text}: no operator may follow "**"`);
    if (segment === '*') return SEGMENT;
    if (segment === '**') {
      restSeen = true;
      return REST;
    }
    if (segment.startsWith('{') && segment.endsWith('}')) return capture(segment.slice(1, -1));
    // An empty literal stands for the "/" at the end, or a double one.
    if (segment !== '' && !LITERAL.test(segment)) throw new UriTemplateError(`${text}: invalid literal "${segment}"`);
    return segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  };
  const capture = (inner: string): string => {
    const equals = inner.indexOf('=');
    const name = equals < 0 ? inner : inner.slice(0, equals);
    if (!NAME.test(name)) throw new UriTemplateError(`${text}: invalid variable name "${name}"`);
    if (names.includes(name)) throw new UriTemplateError(`${text}: variable "${name}" occurs twice`);
    if (names.push(name) > MAX_CAPTURES) throw new UriTemplateError(`${text}: more than ${MAX_CAPTURES} variables`);
    return `(${
      equals < 0
        ? SEGMENT
        : inner
            .slice(equals + 1)
            .split('/')
            .map(segmentPattern)
            .join('/')
    })`;
  };
  const pattern = splitSegments(text.slice(1)).map(segmentPattern).join('/');
  return { text, regex: compileRegex('/' + pattern), names };
}

/** Splits at "/" outside braces. */
function splitSegments(text: string): string[] {
  const segments: string[] = [];
  let depth = 0;
  let current = '';
  for (const c of text) {
    if (c === '{') depth++;
    if (c === '}') depth--;
    if (c === '/' && depth === 0) {
      segments.push(current);
      current = '';
    } else current += c;
  }
  segments.push(current);
  return segments;
}

/** `/{b}/x/{a}` with the template's group numbers, as a substitution. @throws UriTemplateError */
export function compileTemplateRewrite(rewrite: string, template: UriTemplate): string {
  if (!rewrite.startsWith('/')) throw new UriTemplateError(`path_rewrite_policy.path_template_rewrite ${rewrite} does not start with "/"`);
  return rewrite.replace(/\\/g, '\\\\').replace(/\{([^}]*)\}/g, (_, name: string) => {
    const group = template.names.indexOf(name) + 1;
    if (group === 0)
      throw new UriTemplateError(`mismatch between variables in path_match_policy ${template.text} and path_rewrite_policy ${rewrite}`);
    return '\\' + group;
  });
}
