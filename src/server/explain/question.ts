/** What is asked: a request, and the connection that it comes on. From a command line, from JSON, or from form parameters. */
import { parseIpPort } from '../../net/address.ts';

export interface ExplainQuestion {
  readonly method: string;
  /** 'http' or 'https': decides the port if the authority names none. */
  readonly scheme: string;
  /** Host line; '' = the request has none. */
  readonly authority: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  /** "ip:port" that the client connects to; '' = found by the authority's port. */
  readonly destination: string;
  /** "ip:port" of the client. */
  readonly source: string;
  readonly sni: string;
  /** Name of the listener to ask; '' = found by the destination. */
  readonly listener: string;
  /** Stands for every chance on the way: route fractions, weighted clusters, balancing. In [0, 2^32). */
  readonly random: number;
}

/** The question makes no sense; the text says why. */
export class QuestionError extends Error {}

const DEFAULT_SOURCE = '127.0.0.1:50000';
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** @param line "GET http://host/path", or "GET /path" with a Host header @param headers "name: value" */
export function questionFromLine(line: string, headers: readonly string[], destination: string | null): ExplainQuestion {
  const words = line.trim().split(/\s+/);
  if (words.length > 2 || words[0] === '') throw new QuestionError(`not a request: '${line}'; expected e.g. 'GET http://host/path'`);
  const [method, target] = words.length === 1 ? ['GET', words[0]!] : [words[0]!, words[1]!];
  const pairs = headers.map((header): [string, string] => {
    const colon = header.indexOf(':', 1);
    if (colon < 0) throw new QuestionError(`not a header: '${header}'; expected 'name: value'`);
    return [header.slice(0, colon), header.slice(colon + 1).trim()];
  });
  return checked({ method, headers: pairs, destination: destination ?? '', ...parseTarget(method, target) });
}

/** @param value parsed JSON */
export function questionFromJson(value: unknown): ExplainQuestion {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new QuestionError('expected a JSON object');
  const given = value as Record<string, unknown>;
  const text = (key: string): string => {
    const field = given[key];
    if (field === undefined || field === null) return '';
    if (typeof field !== 'string') throw new QuestionError(`'${key}' must be a string`);
    return field;
  };
  const random = given['random'] ?? 0;
  if (typeof random !== 'number') throw new QuestionError("'random' must be a number");
  return fromFields(text, headerPairs(given['headers']), random);
}

/** @param params of a query or form: the JSON's fields, `header` as "name: value", any number of times */
export function questionFromParams(params: URLSearchParams): ExplainQuestion {
  const headers = params.getAll('header').map((header): [string, string] => {
    const colon = header.indexOf(':', 1);
    if (colon < 0) throw new QuestionError(`not a header: '${header}'; expected 'name: value'`);
    return [header.slice(0, colon), header.slice(colon + 1).trim()];
  });
  return fromFields((key) => params.get(key) ?? '', headers, Number(params.get('random') ?? 0));
}

function fromFields(text: (key: string) => string, headers: [string, string][], random: number): ExplainQuestion {
  const line = text('request');
  const connection = { headers, destination: text('destination'), source: text('source'), sni: text('sni'), listener: text('listener') };
  if (line !== '') return checked({ ...questionFromLine(line, [], null), ...withoutEmpty(connection), random });
  const method = text('method') || 'GET';
  return checked({
    ...connection,
    method,
    scheme: text('scheme') || 'http',
    authority: text('authority'),
    path: text('path') || (method === 'CONNECT' ? '' : '/'),
    random,
  });
}

function withoutEmpty(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}

function headerPairs(value: unknown): [string, string][] {
  if (value === undefined || value === null) return [];
  const pairs = Array.isArray(value) ? value : typeof value === 'object' ? Object.entries(value) : null;
  if (pairs === null) throw new QuestionError("'headers' must be an object, or a list of [name, value]");
  return pairs.flatMap((pair): [string, string][] => {
    const [name, values] = Array.isArray(pair) ? pair : [];
    const list = Array.isArray(values) ? values : [values];
    if (typeof name !== 'string' || !list.every((v) => typeof v === 'string'))
      throw new QuestionError("'headers' must be an object, or a list of [name, value]");
    return list.map((v: string) => [name, v]);
  });
}

function parseTarget(method: string, target: string): { scheme: string; authority: string; path: string } {
  if (method === 'CONNECT') return { scheme: 'http', authority: target, path: '' };
  const url = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(target);
  if (url === null) return { scheme: 'http', authority: '', path: target };
  const scheme = url[1]!.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') throw new QuestionError(`scheme '${scheme}' is not http or https`);
  return { scheme, authority: url[2]!, path: url[3]!.startsWith('/') ? url[3]! : '/' + url[3]! };
}

/** Fills in what was left out, and refuses what could not be sent. */
function checked(given: Partial<ExplainQuestion> & Pick<ExplainQuestion, 'method' | 'scheme' | 'authority' | 'path'>): ExplainQuestion {
  const host = given.headers?.find(([name]) => name.toLowerCase() === 'host');
  const question: ExplainQuestion = {
    method: given.method,
    scheme: given.scheme,
    authority: host === undefined ? given.authority : host[1],
    path: given.path,
    headers: (given.headers ?? []).filter(([name]) => name.toLowerCase() !== 'host'),
    destination: given.destination ?? '',
    source: given.source || DEFAULT_SOURCE,
    sni: (given.sni ?? '').toLowerCase(),
    listener: given.listener ?? '',
    random: given.random ?? 0,
  };
  if (!TOKEN.test(question.method)) throw new QuestionError(`'${question.method}' is no method`);
  if (/[\r\n ]/.test(question.path)) throw new QuestionError('the path holds a space or a line end');
  if (/[\r\n]/.test(question.authority)) throw new QuestionError('the authority holds a line end');
  for (const [name, value] of question.headers) {
    if (!TOKEN.test(name)) throw new QuestionError(`'${name}' is no header name`);
    if (/[\r\n]/.test(value)) throw new QuestionError(`header '${name}' holds a line end`);
  }
  if (question.destination !== '' && parseIpPort(question.destination) === null)
    throw new QuestionError(`destination '${question.destination}' is not ip:port`);
  if (parseIpPort(question.source) === null) throw new QuestionError(`source '${question.source}' is not ip:port`);
  const { random } = question;
  if (!Number.isInteger(random) || random < 0 || random > 0xffff_ffff) throw new QuestionError("'random' must be an integer below 2^32");
  return question;
}
