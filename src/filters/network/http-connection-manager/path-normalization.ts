/** What happens to `:path` before routing. Order: fragment check, escaped slashes, dot segments, slash merging. Source: HCM normalize_path and friends. */

export type EscapedSlashes = 'KEEP_UNCHANGED' | 'REJECT_REQUEST' | 'UNESCAPE_AND_REDIRECT' | 'UNESCAPE_AND_FORWARD';

export interface PathOptions {
  readonly normalizePath: boolean;
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: EscapedSlashes;
}

export const PathVerdict = { Ok: 0, Reject: 1, Redirect: 2 } as const;
export type PathVerdict = (typeof PathVerdict)[keyof typeof PathVerdict];

export interface PathResult {
  verdict: PathVerdict;
  path: string;
}

/** True if the options leave every path as it is; then only the fragment check remains. */
export function leavesPathAlone(options: PathOptions): boolean {
  return !options.normalizePath && !options.mergeSlashes && options.escapedSlashes === 'KEEP_UNCHANGED';
}

const ESCAPED_SLASH = /%2f|%5c/i;

/** @param path path with query, as received; '#' has been refused before. The query is never touched. */
export function normalizePath(path: string, options: PathOptions): PathResult {
  const question = path.indexOf('?');
  let pathPart = question < 0 ? path : path.slice(0, question);
  const query = question < 0 ? '' : path.slice(question);
  let redirect = false;

  if (options.escapedSlashes !== 'KEEP_UNCHANGED' && ESCAPED_SLASH.test(pathPart)) {
    const unescaped = pathPart.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
    // A refused path is logged unescaped, as in Envoy.
    if (options.escapedSlashes === 'REJECT_REQUEST') return { verdict: PathVerdict.Reject, path: unescaped + query };
    pathPart = unescaped;
    redirect = options.escapedSlashes === 'UNESCAPE_AND_REDIRECT';
  }
  if (options.normalizePath) {
    const canonical = canonicalize(pathPart);
    if (canonical === null) return { verdict: PathVerdict.Reject, path };
    pathPart = canonical;
  }
  if (options.mergeSlashes && pathPart.indexOf('//') >= 0) pathPart = pathPart.replace(/\/{2,}/g, '/');
  return { verdict: redirect ? PathVerdict.Redirect : PathVerdict.Ok, path: pathPart + query };
}

/** Unreserved characters of RFC 3986 §2.3 lose their percent-encoding; others keep it as it is written. */
function canonicalize(path: string): string | null {
  let text = path;
  if (text.indexOf('\\') >= 0) text = text.replaceAll('\\', '/');
  if (text.indexOf('%') >= 0) {
    if (/%00/.test(text)) return null;
    text = text.replace(/%[0-9a-fA-F]{2}/g, (encoded) => {
      const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
      return /[A-Za-z0-9\-._~]/.test(char) ? char : encoded;
    });
  }
  if (!text.startsWith('/')) return null;
  return text.indexOf('/.') >= 0 ? removeDotSegments(text) : text;
}

const DOTS_WITH_PARAMETERS = /^\.\.?;/;

/** RFC 3986 §5.2.4. */
function removeDotSegments(path: string): string {
  const out: string[] = [];
  const segments = path.split('/');
  for (let i = 1; i < segments.length; i++) {
    // A dot segment with path parameters ("..;x") is one to many servers behind: it is taken as one here too.
    const segment = DOTS_WITH_PARAMETERS.test(segments[i]!) ? segments[i]!.slice(0, segments[i]!.indexOf(';')) : segments[i]!;
    const last = i === segments.length - 1;
    if (segment === '.') {
      if (last) out.push('');
    } else if (segment === '..') {
      out.pop();
      if (last) out.push('');
    } else out.push(segment);
  }
  return '/' + out.join('/');
}
