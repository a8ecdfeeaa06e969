/**
 * Which fields of which Envoy messages are implemented: the one table behind refusals, `--allow-unsupported` warnings and
 * docs/config-coverage.md. A line "+" lists implemented fields ("*": all of them); a line "~" lists fields that are accepted and
 * ignored, because they cannot change what traffic sees. A message inside `typed_config` is an extension: it is implemented if it is
 * listed. Whoever implements a field adds it here.
 */
import { CORE_FIELDS } from './supported-core.ts';
import { EXTENSION_FIELDS } from './supported-extensions.ts';
import { OBSERVABILITY_FIELDS } from './supported-observability.ts';
import { ROUTE_FIELDS } from './supported-routes.ts';

export interface MessageSupport {
  /** null: every field. */
  readonly implemented: ReadonlySet<string> | null;
  readonly ignored: ReadonlySet<string>;
}

function parseTable(text: string, into: Map<string, MessageSupport>): void {
  let implemented = new Set<string>();
  let ignored = new Set<string>();
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    const [mark, ...names] = words;
    if (mark === '+' && names[0] === '*') into.set(lastKey(into), { implemented: null, ignored });
    else if (mark === '+') for (const n of names) implemented.add(n);
    else if (mark === '~') for (const n of names) ignored.add(n);
    else if (mark !== undefined && mark !== '') {
      if (into.has(mark)) throw new Error(`supported fields: ${mark} is listed twice`);
      implemented = new Set();
      ignored = new Set();
      into.set(mark, { implemented, ignored });
    }
  }
}

function lastKey(map: ReadonlyMap<string, unknown>): string {
  return [...map.keys()].at(-1) ?? '';
}

const table = new Map<string, MessageSupport>();
parseTable(CORE_FIELDS, table);
parseTable(ROUTE_FIELDS, table);
parseTable(EXTENSION_FIELDS, table);
parseTable(OBSERVABILITY_FIELDS, table);

/** By full message name. */
export const SUPPORTED: ReadonlyMap<string, MessageSupport> = table;

export function isImplemented(support: MessageSupport, field: string): boolean {
  return support.implemented === null || support.implemented.has(field);
}
