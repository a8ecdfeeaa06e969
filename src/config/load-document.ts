/** Text of a configuration → plain JSON value, and, only when something is wrong, where in the text a value stands. */
import type { Alias, Document, LineCounter, Node, Pair, ParsedNode, Scalar, YAMLMap } from 'yaml';
import { nodeModule } from '../runtime/node-module.ts';
import { parseFastYaml } from './fast-yaml.ts';
import { jsonOffset } from './json-position.ts';
import { type JsonValue, setKey } from './json-value.ts';
import type { PathSegment } from './path.ts';
import { plainScalar } from './yaml-scalars.ts';

/** The complete parser: loaded for the first text that the fast ones leave to it, or whose positions are asked for. */
function yaml(): typeof import('yaml') {
  return nodeModule('yaml');
}

export type DocumentFormat = 'yaml' | 'json';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem extends Position {
  readonly message: string;
}

const NO_POSITION: Position = { line: 0, column: 0 };

/** A parsed document. The syntax tree is not kept; it is made again if a position is asked for. */
export class SourceDocument {
  readonly file: string;
  readonly text: string;
  readonly value: JsonValue;
  readonly problems: readonly SyntaxProblem[];
  /** The text is JSON and nothing more. */
  readonly #strict: boolean;
  #tree: { readonly root: Node | null; readonly lines: LineCounter } | null = null;

  constructor(file: string, text: string, value: JsonValue, problems: readonly SyntaxProblem[], strict = false) {
    this.#strict = strict;
    this.file = file;
    this.text = text;
    this.value = value;
    this.problems = problems;
  }

  /** Where the value at `path` starts (its key, for a field); the nearest value around it, if it is not written there. */
  position(path: readonly PathSegment[]): Position {
    if (this.#strict) return lineAndColumn(this.text, jsonOffset(this.text, path, sameField));
    const walk = this.walk();
    for (const segment of path) if (!walk.step(segment)) break;
    return walk.position();
  }

  walk(): DocumentWalk {
    if (this.#tree === null) {
      const lines = new (yaml().LineCounter)();
      this.#tree = { root: firstDocument(this.text, lines)?.contents ?? null, lines };
    }
    return new DocumentWalk(this.#tree.root, this.#tree.lines);
  }

  /** Forgets the syntax tree, which is many times the size of the text. */
  release(): void {
    this.#tree = null;
  }
}

/** One descent from the root along field names, list indices and map keys, as the messages see them. */
export class DocumentWalk {
  #node: Node | null;
  #at: Node | null;
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, Node>();

  constructor(root: Node | null, lines: LineCounter) {
    this.#node = root;
    this.#at = root;
    this.#lines = lines;
    if (root !== null) collectAnchors(root, this.#anchors);
  }

  /** @returns false if the document has nothing there */
  step(segment: PathSegment): boolean {
    const node = this.#resolved();
    if (typeof segment === 'number') {
      // A single value may stand where a list is expected.
      if (!yaml().isSeq(node)) return segment === 0;
      const item = node.items[segment];
      if (!yaml().isNode(item)) return false;
      this.#node = this.#at = item;
      return true;
    }
    if (!yaml().isMap(node)) return false;
    const name = typeof segment === 'string' ? segment : segment.key;
    const pair = findField(node, name);
    if (pair === undefined) {
      // The fields of the message that a TypedStruct stands for are in its `value`.
      const value = isTypedStruct(node) ? findField(node, 'value')?.value : undefined;
      if (!yaml().isMap(value)) return false;
      this.#node = value;
      return this.step(segment);
    }
    this.#at = pair.key as Node;
    this.#node = yaml().isNode(pair.value) ? pair.value : null;
    return true;
  }

  /** Length of the list here; a single value is a list of one, nothing an empty one. */
  listLength(): number {
    const node = this.#resolved();
    return yaml().isSeq(node) ? node.items.length : node === null ? 0 : 1;
  }

  position(): Position {
    const offset = this.#at?.range?.[0];
    if (offset === undefined) return NO_POSITION;
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }

  #resolved(): Node | null {
    return yaml().isAlias(this.#node) ? (this.#anchors.get(this.#node.source) ?? null) : this.#node;
  }
}

function collectAnchors(node: Node, into: Map<string, Node>): void {
  if (yaml().isAlias(node)) return;
  if (node.anchor !== undefined && !into.has(node.anchor)) into.set(node.anchor, node);
  if (yaml().isMap(node)) for (const pair of node.items) yaml().isNode(pair.value) && collectAnchors(pair.value, into);
  else if (yaml().isSeq(node)) for (const item of node.items) yaml().isNode(item) && collectAnchors(item, into);
}

function findField(map: YAMLMap, name: string): Pair | undefined {
  return map.items.findLast((p) => yaml().isScalar(p.key) && sameField(String(p.key.value), name));
}

function isTypedStruct(map: YAMLMap): boolean {
  const type = findField(map, '@type')?.value;
  return yaml().isScalar(type) && String(type.value).endsWith('.TypedStruct');
}

/** Documents may write `lbPolicy` for `lb_policy`. */
function sameField(written: string, name: string): boolean {
  return written === name || (written.length <= name.length && written === camelCase(name));
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
}

/** As Envoy: the suffix decides. A file of another name is JSON if it looks so, else YAML (Envoy takes only JSON there). */
export function documentFormat(path: string, text: string): DocumentFormat {
  if (/\.ya?ml$/i.test(path)) return 'yaml';
  if (/\.json$/i.test(path)) return 'json';
  return /^\s*[{[]/.test(text) ? 'json' : 'yaml';
}

export function parseDocument(text: string, file: string, format: DocumentFormat): SourceDocument {
  return format === 'json' ? parseJson(text, file) : parseYaml(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, file);
}

function parseJson(text: string, file: string): SourceDocument {
  let failure: SyntaxError;
  try {
    return new SourceDocument(file, text, parseJsonText(text), [], true);
  } catch (error) {
    failure = error as SyntaxError;
  }
  // Envoy's JSON reader also takes trailing commas, single quotes and bare keys, and YAML's flow style covers these; no comments.
  const bare = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  if (/^[ \t\r\n]*\{/.test(text) && !/#|\/[/*]/.test(bare)) {
    const lenient = parseYaml(text, file);
    if (lenient.problems.length === 0) return lenient;
  }
  return new SourceDocument(file, text, null, [{ ...jsonErrorPosition(failure, text), message: `not valid JSON: ${failure.message}` }]);
}

/** Integers beyond 2^53 keep their digits as a string, which 64-bit fields accept. */
function parseJsonText(text: string): JsonValue {
  if (!/[:[,]\s*-?\d{16}/.test(text)) return JSON.parse(text) as JsonValue;
  return JSON.parse(text, (_key, value: JsonValue, context?: { source?: string }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? value) : value,
  ) as JsonValue;
}

function jsonErrorPosition(error: SyntaxError, text: string): Position {
  const offset = /at position (\d+)/.exec(error.message)?.[1];
  return lineAndColumn(text, offset === undefined ? text.length : Number(offset));
}

function lineAndColumn(text: string, offset: number): Position {
  let line = 1;
  let start = 0;
  for (let newline = text.indexOf('\n'); newline >= 0 && newline < offset; newline = text.indexOf('\n', start)) {
    line++;
    start = newline + 1;
  }
  return { line, column: offset - start + 1 };
}

function firstDocument(text: string, lines: LineCounter | null): Document.Parsed<ParsedNode> | null {
  const parser = lines === null ? new (yaml().Parser)() : new (yaml().Parser)(lines.addNewLine);
  // Scalars keep their text ("failsafe"): Envoy's own rules decide what they are. Merge keys are plain keys, as in yaml-cpp.
  const composer = new (yaml().Composer)({ schema: 'failsafe', uniqueKeys: false, merge: false, strict: false, logLevel: 'silent' });
  for (const document of composer.compose(parser.parse(text), true, text.length)) {
    return document as Document.Parsed<ParsedNode>;
  }
  return null;
}

function parseYaml(text: string, file: string): SourceDocument {
  const fast = parseFastYaml(text);
  return fast === undefined ? parseCompleteYaml(text, file) : new SourceDocument(file, text, fast, []);
}

/** All of YAML, at about a megabyte a second. */
export function parseCompleteYaml(text: string, file: string): SourceDocument {
  const document = firstDocument(text, null);
  const problems: SyntaxProblem[] = [];
  if (document === null || (document.contents === null && document.errors.length === 0)) {
    return new SourceDocument(file, text, null, [{ line: 1, column: 1, message: 'the document is empty' }]);
  }
  if (document.errors.length > 0) {
    const lines = new (yaml().LineCounter)();
    for (const error of firstDocument(text, lines)?.errors ?? []) {
      const { line, col } = lines.linePos(error.pos[0]);
      problems.push({ line, column: col, message: `not valid YAML: ${error.message}` });
    }
    return new SourceDocument(file, text, null, problems);
  }
  const converter = new YamlConverter();
  const value = converter.convert(document.contents);
  if (converter.unresolved.length > 0) {
    const lines = new (yaml().LineCounter)();
    firstDocument(text, lines);
    for (const alias of converter.unresolved) {
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0);
      problems.push({ line, column: col, message: `not valid YAML: there is no anchor "${alias.source}" before this` });
    }
  }
  return new SourceDocument(file, text, value, problems);
}

class YamlConverter {
  /** Aliases without an anchor before them. */
  readonly unresolved: Alias[] = [];
  readonly #anchors = new Map<string, JsonValue>();

  convert(node: unknown): JsonValue {
    if (yaml().isScalar(node)) return this.#keep(node, scalarValue(node));
    if (yaml().isAlias(node)) return this.#alias(node);
    if (yaml().isSeq(node))
      return this.#keep(
        node,
        node.items.map((item) => this.convert(item)),
      );
    if (!yaml().isMap(node)) return null;
    const object: { [key: string]: JsonValue } = {};
    for (const pair of node.items) {
      // Envoy skips keys that carry this tag: a place to define anchors.
      if (yaml().isScalar(pair.key) && pair.key.tag === '!ignore') this.convert(pair.value);
      else setKey(object, keyText(pair.key), this.convert(pair.value));
    }
    return this.#keep(node, object);
  }

  #alias(node: Alias): JsonValue {
    const value = this.#anchors.get(node.source);
    if (value === undefined) this.unresolved.push(node);
    return value ?? null;
  }

  #keep(node: Node, value: JsonValue): JsonValue {
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, value);
    return value;
  }
}

function scalarValue(node: Scalar): JsonValue {
  const text = node.source ?? String(node.value ?? '');
  const plain = node.type === yaml().Scalar.PLAIN || node.type === undefined;
  // A tag other than "!" makes yaml-cpp guess the type even of a quoted scalar.
  const tag = node.tag;
  return plain || (tag !== undefined && tag !== '!') ? plainScalar(text) : text;
}

function keyText(key: unknown): string {
  return yaml().isScalar(key) ? String(key.value ?? '') : '';
}
