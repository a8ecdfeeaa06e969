/** What every `config.ts` receives beside its message: where the message stands, and a place to put problems. */
import type { Message } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { typeNameOfUrl } from './api-registry.ts';
import type { Position } from './load-document.ts';
import { formatPath, MapKey, type PathSegment } from './path.ts';
import type { ConfigProblem, Severity } from './problem.ts';
import { unpackAny } from './unpack.ts';

/** Finds the source of a path; looked up only for problems. */
export interface SourceLocator {
  locate(path: readonly PathSegment[]): Position & { readonly file: string };
}

/** For messages that came over the wire: a name, but no lines. */
export function namedSource(name: string): SourceLocator {
  const place = { file: name, line: 0, column: 0 };
  return { locate: () => place };
}

/** Collects the problems of one configuration. */
export class ProblemList {
  readonly problems: ConfigProblem[] = [];
  readonly #source: SourceLocator;

  constructor(source: SourceLocator) {
    this.#source = source;
  }

  add(severity: Severity, path: readonly PathSegment[], message: string): void {
    this.problems.push({ severity, path: formatPath(path), message, ...this.#source.locate(path) });
  }

  get errors(): number {
    return this.problems.reduce((n, p) => n + (p.severity === 'error' ? 1 : 0), 0);
  }
}

export interface CompileOptions {
  /** `--allow-unsupported`: what is not implemented is a warning. */
  readonly allowUnsupported: boolean;
}

/** One place in a configuration. Cheap to make: the path is put together only when a problem is reported. */
export class CompileContext {
  readonly list: ProblemList;
  readonly options: CompileOptions;
  readonly #parent: CompileContext | null;
  readonly #name: PathSegment;
  readonly #index: number;
  /** '' = none. */
  readonly #anchor: string;

  constructor(
    list: ProblemList,
    options: CompileOptions,
    parent: CompileContext | null = null,
    name: PathSegment = '',
    index = -1,
    anchor = '',
  ) {
    this.list = list;
    this.#anchor = anchor;
    this.options = options;
    this.#parent = parent;
    this.#name = name;
    this.#index = index;
  }

  /** The field `name` (as in the .proto file) of the message here, or one item of it. */
  field(name: string, index = -1): CompileContext {
    return new CompileContext(this.list, this.options, this, name, index);
  }

  /** An entry of the map field `name`. */
  key(name: string, key: string): CompileContext {
    return new CompileContext(this.list, this.options, this.field(name), new MapKey(key));
  }

  /** The same place, from where `place` is told: the top of a resource with a name of its own. @param name e.g. "listener web" */
  anchored(name: string): CompileContext {
    return new CompileContext(this.list, this.options, this.#parent, this.#name, this.#index, name);
  }

  /** Where this is within its resource: tells apart what shares numbers over workers, and does not change when other resources do. */
  get place(): string {
    if (this.#anchor !== '') return this.#anchor;
    if (this.#parent === null) return '';
    const segment = typeof this.#name === 'object' ? `[${this.#name.key}]` : this.#name;
    return `${this.#parent.place}.${segment}${this.#index < 0 ? '' : `[${this.#index}]`}`;
  }

  get segments(): PathSegment[] {
    if (this.#parent === null) return [];
    const segments = this.#parent.segments;
    segments.push(this.#name);
    if (this.#index >= 0) segments.push(this.#index);
    return segments;
  }

  get path(): string {
    return formatPath(this.segments);
  }

  error(message: string): void {
    this.list.add('error', this.segments, message);
  }

  /** For what is legal but cannot work as meant. */
  warn(message: string): void {
    this.list.add('warning', this.segments, message);
  }

  /** `fieldName` is set, valid, and not implemented. */
  unsupported(fieldName: string, detail = 'not supported by Outrider yet'): void {
    this.list.add(this.options.allowUnsupported ? 'warning' : 'error', [...this.segments, fieldName], detail);
  }

  /** What stands here is valid and not implemented; the caller goes on without it. @param message e.g. "HTTP filter x.y.Z is not supported by Outrider yet" */
  notImplemented(message: string): void {
    this.list.add(this.options.allowUnsupported ? 'warning' : 'error', this.segments, message);
  }

  /** The message in `any`; null if there is none, which is then reported here. */
  unpack(any: Any | undefined): Message | null {
    if (any === undefined) {
      this.error('missing');
      return null;
    }
    const unpacked = unpackAny(any);
    if ('message' in unpacked) return unpacked.message;
    this.error(unpacked.failure);
    return null;
  }

  /**
   * The message in `any`, which must be of type `typeName`.
   * @example at.field('typed_config').unpackAs<Router>(filter.typedConfig, 'envoy.extensions.filters.http.router.v3.Router')
   */
  unpackAs<T extends Message>(any: Any | undefined, typeName: T['$typeName']): T | null {
    const message = this.unpack(any);
    if (message === null) return null;
    if (message.$typeName === typeName) return message as T;
    this.error(`expected ${typeName}, got ${message.$typeName}`);
    return null;
  }
}

/** Name of the message in `any` without unpacking it; '' if it has no type. */
export function anyTypeName(any: Any | undefined): string {
  return any === undefined ? '' : (typeNameOfUrl(any.typeUrl) ?? '');
}
