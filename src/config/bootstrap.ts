/** A bootstrap from a file, from `--config-yaml`, or from both. */
import { readFileSync } from 'node:fs';
import { fromBinary, type Message } from '@bufbuild/protobuf';
import { messageType } from './api-registry.ts';
import { CompileContext, ProblemList, type SourceLocator } from './context.ts';
import { type DecodeReporter, Decoder } from './decode.ts';
import type { Bootstrap } from './gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import { type DocumentWalk, documentFormat, parseDocument, type SourceDocument } from './load-document.ts';
import { mergeMessage } from './merge.ts';
import { type AnyMessage, type MessagePlan, messagePlan } from './message-plan.ts';
import { formatPath, type PathSegment } from './path.ts';
import { type ConfigProblem, sortProblems } from './problem.ts';
import { reportUnsupported } from './unsupported.ts';
import { validateMessage } from './validate.ts';

export interface LoadOptions {
  /** `--config-path` */
  readonly path?: string | undefined;
  /** `--config-yaml` */
  readonly yamlOverlay?: string | undefined;
  /** `--allow-unknown-static-fields`: unknown fields are warnings. */
  readonly allowUnknown?: boolean;
  /** `--allow-unsupported`: fields and extensions that are not implemented are warnings. */
  readonly allowUnsupported?: boolean;
}

export interface LoadedBootstrap {
  /** null if the configuration has errors. */
  readonly bootstrap: Bootstrap | null;
  readonly problems: readonly ConfigProblem[];
  /** For the compilers of the message's parts; what they report has its place in the source, and joins `problems`. */
  readonly context: CompileContext;
}

const BOOTSTRAP = 'envoy.config.bootstrap.v3.Bootstrap';
const OVERLAY_NAME = '--config-yaml';

/** The sources of a configuration, as one: the overlay's list items come after the file's. */
class Sources implements SourceLocator {
  readonly file: SourceDocument | null;
  readonly overlay: SourceDocument | null;
  readonly name: string;

  constructor(name: string, file: SourceDocument | null, overlay: SourceDocument | null) {
    this.name = name;
    this.file = file;
    this.overlay = overlay;
  }

  locate(path: readonly PathSegment[]): { file: string; line: number; column: number } {
    if (this.overlay === null || this.file === null) {
      const only = this.file ?? this.overlay;
      return only === null ? { file: this.name, line: 0, column: 0 } : { file: only.file, ...only.position(path) };
    }
    return this.#locateInBoth(this.file, this.overlay, path);
  }

  #locateInBoth(
    file: SourceDocument,
    overlay: SourceDocument,
    path: readonly PathSegment[],
  ): { file: string; line: number; column: number } {
    let inFile: DocumentWalk | null = file.walk();
    let inOverlay: DocumentWalk | null = overlay.walk();
    let lastFile = inFile;
    let lastOverlay: DocumentWalk | null = null;
    for (const segment of path) {
      let overlaySegment = segment;
      if (typeof segment === 'number' && inFile !== null) {
        const before = inFile.listLength();
        if (segment < before) inOverlay = null;
        else {
          inFile = null;
          overlaySegment = segment - before;
        }
      }
      if (inFile !== null && !inFile.step(segment)) inFile = null;
      if (inOverlay !== null && !inOverlay.step(overlaySegment)) inOverlay = null;
      lastFile = inFile ?? lastFile;
      lastOverlay = inOverlay ?? lastOverlay;
    }
    if (inOverlay !== null && path.length > 0) return { file: OVERLAY_NAME, ...inOverlay.position() };
    if (inFile !== null || lastOverlay === null) return { file: file.file, ...lastFile.position() };
    return { file: OVERLAY_NAME, ...lastOverlay.position() };
  }

  release(): void {
    this.file?.release();
    this.overlay?.release();
  }
}

/** Reads, decodes and checks. Everything that is wrong is reported, not just the first. */
export function loadBootstrap(options: LoadOptions): LoadedBootstrap {
  const plan = messagePlan(messageType(BOOTSTRAP));
  const name = options.path ?? OVERLAY_NAME;
  let bytes: Buffer | null = null;
  let unreadable: string | null = null;
  if (options.path !== undefined) {
    try {
      bytes = readFileSync(options.path);
    } catch (error) {
      unreadable = `cannot read: ${(error as Error).message}`;
    }
  }
  const binary = bytes !== null && /\.pb$/i.test(name);
  const file = bytes === null || binary ? null : parseText(bytes.toString('utf8'), name);
  const overlay = options.yamlOverlay === undefined ? null : parseDocument(options.yamlOverlay, OVERLAY_NAME, 'yaml');
  const sources = new Sources(name, file, overlay);
  const list = new ProblemList(sources);
  const context = new CompileContext(list, { allowUnsupported: options.allowUnsupported ?? false });
  const failed = (): LoadedBootstrap => ({ bootstrap: null, problems: sortProblems(list.problems), context });

  if (unreadable !== null) list.add('error', [], unreadable);
  if (options.path === undefined && options.yamlOverlay === undefined)
    list.add('error', [], 'no configuration: neither a path nor a text is given');
  for (const document of [file, overlay]) {
    for (const p of document?.problems ?? []) list.problems.push({ severity: 'error', path: '', file: document!.file, ...p });
  }
  if (list.errors > 0) return failed();

  const excused = new Set<string>();
  let message: Message | null = null;
  if (binary) {
    message = decodeBinary(plan, bytes!, list);
    if (message === null) return failed();
  }
  for (const document of [file, overlay]) {
    if (document === null) continue;
    const decoded = decodeDocument(plan, document, list, excused, options.allowUnknown ?? false);
    if (message === null) message = decoded;
    else mergeMessage(plan, message as unknown as AnyMessage, decoded as unknown as AnyMessage);
  }
  const root = message as unknown as AnyMessage;
  validateMessage(plan, root, list, excused);
  reportUnsupported(plan, root, list, options.allowUnsupported ?? false);
  const bootstrap = list.errors > 0 ? null : (message as Bootstrap);
  const problems = sortProblems(list.problems);
  sources.release();
  return { bootstrap, problems, context };
}

function parseText(text: string, name: string): SourceDocument {
  return parseDocument(text, name, documentFormat(name, text));
}

function decodeBinary(plan: MessagePlan, bytes: Uint8Array, list: ProblemList): Message | null {
  try {
    return fromBinary(plan.desc, bytes);
  } catch (error) {
    list.add('error', [], `not a binary ${plan.typeName}: ${(error as Error).message}`);
    return null;
  }
}

/** Problems of one document have their places in that document, whatever is merged later. */
function decodeDocument(
  plan: MessagePlan,
  document: SourceDocument,
  list: ProblemList,
  excused: Set<string>,
  allowUnknown: boolean,
): Message {
  const add = (severity: ConfigProblem['severity'], path: readonly PathSegment[], message: string): void => {
    list.problems.push({ severity, path: formatPath(path), message, file: document.file, ...document.position(path) });
  };
  const report: DecodeReporter = {
    error(path, message) {
      add('error', path, message);
      excused.add(formatPath(path));
    },
    unknownField(path, message, meant) {
      add(allowUnknown ? 'warning' : 'error', path, message);
      // Its absence would be reported too, although it is only misspelt.
      if (meant !== null) excused.add(formatPath([...path.slice(0, -1), meant]));
    },
  };
  return new Decoder(report).decode(plan, document.value);
}
