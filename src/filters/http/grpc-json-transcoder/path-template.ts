/**
 * Path templates of google.api.http: `/v1/{name=shelves/*}/books/**:verb`. Source: the grammar in google/api/http.proto.
 */

export interface TemplateVariable {
  /** Names of fields from the message inwards. */
  readonly field: readonly string[];
  /** Segments of the template that it takes, end not included. */
  readonly from: number;
  readonly to: number;
  /** More than one segment can stand there. */
  readonly multiple: boolean;
}

export interface PathTemplate {
  /** Literals, '*' and '**'. */
  readonly segments: readonly string[];
  readonly variables: readonly TemplateVariable[];
  /** '' = none. */
  readonly verb: string;
}

/** null if it breaks the grammar. */
export function parseTemplate(text: string): PathTemplate | null {
  if (!text.startsWith('/')) return null;
  const segments: string[] = [];
  const variables: TemplateVariable[] = [];
  let at = 1;
  const literal = (stops: string): string => {
    const from = at;
    while (at < text.length && !stops.includes(text[at]!)) at++;
    return text.slice(from, at);
  };
  while (at <= text.length) {
    if (text[at] === '{') {
      at++;
      const name = literal('=}');
      const from = segments.length;
      if (text[at] === '=') {
        at++;
        const pattern = literal('}');
        segments.push(...pattern.split('/'));
      } else segments.push('*');
      if (text[at] !== '}' || name === '') return null;
      at++;
      const taken = segments.slice(from);
      const last = segments.at(-1) === '**';
      variables.push({ field: name.split('.'), from, to: segments.length, multiple: taken.length > 1 || last });
    } else segments.push(literal('/:{'));
    if (text[at] !== '/') break;
    at++;
  }
  const verb = text[at] === ':' ? text.slice(at + 1) : '';
  if ((verb === '' && at < text.length) || segments.some((segment) => segment === '' || /[{}]/.test(segment))) return null;
  const star = segments.indexOf('**');
  // What follows '**' would have to be counted from the end: it stands last, or with segments of fixed number behind it.
  if (star >= 0 && segments.indexOf('**', star + 1) >= 0) return null;
  return { segments, variables, verb };
}

/** Segments of `path` that the variables of the template take, joined with '/'; null if it does not match. @param path without query */
export function matchTemplate(template: PathTemplate, parts: readonly string[], verb: string): readonly string[] | null {
  if (template.verb !== verb) return null;
  const { segments } = template;
  const star = segments.indexOf('**');
  if (star < 0 ? parts.length !== segments.length : parts.length < segments.length - 1) return null;
  const extra = star < 0 ? 0 : parts.length - segments.length;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    if (segment === '**') continue;
    const part = parts[star >= 0 && i > star ? i + extra : i]!;
    if (segment === '*' ? part === '' : part !== segment) return null;
  }
  return template.variables.map(({ from, to }) => {
    const first = star >= 0 && from > star ? from + extra : from;
    const end = star >= 0 && to > star ? to + extra : to;
    return parts.slice(first, end).join('/');
  });
}

const RESERVED = new Set("!#$&'()*+,/:;=?@[]");

/** @returns bytes as latin1 text */
export function unescapeSegment(text: string, keeps: 'nothing' | 'slash' | 'reserved'): string {
  if (!text.includes('%')) return text;
  return text.replace(/%[0-9a-fA-F]{2}/g, (hex) => {
    const char = String.fromCharCode(Number.parseInt(hex.slice(1), 16));
    if (keeps === 'slash' && char === '/') return hex;
    if (keeps === 'reserved' && RESERVED.has(char)) return hex;
    return char;
  });
}
