/** A message of the API from a file, from a text, or from both merged: read, decoded, checked, every problem with its place. */
import { fromBinary, type Message } from '@bufbuild/protobuf';
import { fs } from '../runtime/node-module.ts';
import { messageType } from './api-registry.ts';
import { CompileContext, ProblemList } from './context.ts';
import { type DecodeReporter, Decoder } from './decode.ts';
import { documentFormat, parseDocument, type SourceDocument } from './load-document.ts';
import { mergeMessage } from './merge.ts';
import { type AnyMessage, type MessagePlan, messagePlan } from './message-plan.ts';
import { formatPath, type PathSegment } from './path.ts';
import { type ConfigProblem, sortProblems } from './problem.ts';
import { OVERLAY_NAME, Sources } from './sources.ts';
import { unknownFields } from './unknown-fields.ts';
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

export interface LoadedMessage<T extends Message> {
  /** What could be decoded, even if some of it is wrong; null if nothing could. */
  readonly partial: T | null;
  /** null if there are errors. */
  readonly message: T | null;
  readonly problems: readonly ConfigProblem[];
  /** For the compilers of the message's parts; what they report has its place in the source. */
  readonly context: CompileContext;
}

/** Everything that is wrong is reported, not just the first. */
export function loadMessage<T extends Message>(typeName: T['$typeName'], options: LoadOptions): LoadedMessage<T> {
  const plan = messagePlan(messageType(typeName));
  const name = options.path ?? OVERLAY_NAME;
  const { bytes, unreadable } = options.path === undefined ? { bytes: null, unreadable: null } : readSource(options.path);
  const binary = bytes !== null && /\.pb$/i.test(name);
  const file = bytes === null || binary ? null : parseText(bytes.toString('utf8'), name);
  const overlay = options.yamlOverlay === undefined ? null : parseDocument(options.yamlOverlay, OVERLAY_NAME, 'yaml');
  const sources = new Sources(name, file, overlay);
  const list = new ProblemList(sources);
  const allowUnsupported = options.allowUnsupported ?? false;
  const context = new CompileContext(list, { allowUnsupported });

  if (unreadable !== null) list.add('error', [], unreadable);
  if (options.path === undefined && overlay === null) list.add('error', [], 'no configuration: neither a path nor a text is given');
  for (const document of [file, overlay]) {
    for (const p of document?.problems ?? []) list.problems.push({ severity: 'error', path: '', file: document!.file, ...p });
  }
  const unknownSeverity = options.allowUnknown === true ? 'warning' : 'error';
  const excused = new Set<string>();
  let message: Message | null = null;
  if (list.errors === 0) {
    if (binary) message = decodeBinary(plan, bytes!, list, unknownSeverity);
    for (const document of [file, overlay]) {
      if (document === null || (list.errors > 0 && message === null && binary)) continue;
      const decoded = decodeDocument(plan, document, list, excused, unknownSeverity);
      if (message === null) message = decoded;
      else mergeMessage(plan, message as Message & AnyMessage, decoded as Message & AnyMessage);
    }
  }
  if (message !== null) {
    validateMessage(plan, message as Message & AnyMessage, list, excused);
    reportUnsupported(plan, message as Message & AnyMessage, list, allowUnsupported);
  }
  const problems = sortProblems(list.problems);
  sources.release();
  return { partial: message as T | null, message: list.errors > 0 ? null : (message as T | null), problems, context };
}

function readSource(path: string): { bytes: Buffer | null; unreadable: string | null } {
  try {
    return { bytes: fs.readFileSync(path), unreadable: null };
  } catch (error) {
    return { bytes: null, unreadable: `cannot read: ${(error as Error).message}` };
  }
}

function parseText(text: string, name: string): SourceDocument {
  return parseDocument(text, name, documentFormat(name, text));
}

function decodeBinary(plan: MessagePlan, bytes: Uint8Array, list: ProblemList, unknown: ConfigProblem['severity']): Message | null {
  let message: Message;
  try {
    message = fromBinary(plan.desc, bytes);
  } catch (error) {
    list.add('error', [], `not a binary ${plan.typeName}: ${(error as Error).message}`);
    return null;
  }
  unknownFields(plan, message as Message & AnyMessage, (path, numbers) => {
    list.add(unknown, path, `unknown field${numbers.length === 1 ? '' : 's'} number ${numbers.join(', ')}`);
  });
  return message;
}

/** Problems of one document have their places in that document, whatever is merged later. */
function decodeDocument(
  plan: MessagePlan,
  document: SourceDocument,
  list: ProblemList,
  excused: Set<string>,
  unknown: ConfigProblem['severity'],
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
      add(unknown, path, message);
      // Its absence would be reported too, although it is only misspelt.
      if (meant !== null) excused.add(formatPath([...path.slice(0, -1), meant]));
    },
  };
  return new Decoder(report).decode(plan, document.value);
}
