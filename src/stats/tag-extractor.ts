/**
 * Tells the labels of a statistic from its name. Tags that a scope was made with come first, the configuration's and Envoy's default patterns find the
 * rest. The defaults work on tokens, so a tagged value may hold dots where Envoy's own patterns end at the first one.
 */
import type { TagSettings } from './settings.ts';
import { compileTagPattern, type TagPattern } from './tag-pattern.ts';
import { ANY_NAME_RULES, DEFAULT_TAGS, FIRST_WORD_RULES, LEAF_RULES } from './tag-rules.ts';

export interface Tag {
  readonly label: string;
  readonly value: string;
  readonly rank: number;
}

/** A part of the full name that is not in the metric's name: [start, end). */
type Range = readonly [number, number];

/** What is known of a scope's prefix, computed once for all its statistics. */
export interface ExtractedPrefix {
  readonly tags: readonly Tag[];
  readonly removed: readonly Range[];
  /** The end of the name is the value of a tag: under "….ssl.<what>."; null if it is not. */
  readonly leafTag: { readonly tag: string /** Where the value starts in the full name. */; readonly from: number } | null;
}

export interface ExtractedName {
  /** Dotted name without the values of tags. */
  readonly name: string;
  readonly tags: readonly Tag[];
}

interface Pattern {
  readonly tag: string;
  readonly match: TagPattern;
  readonly rank: number;
}

/** One token of a rule's pattern. */
interface Part {
  readonly kind: 'any' | 'value' | 'digits' | 'text' | 'rest';
  readonly text: string;
  readonly removed: boolean;
}

// A label's place is that of its pattern: defaults that fit any name, fixed values, own patterns of that kind, then those tied to a first word.
const RESPONSE_CODE_RANK = -400;
const RESPONSE_CLASS_RANK = -399;
const ANY_NAME_RANK = -300;
const FIXED_RANK = -200;
const OWN_ANY_NAME_RANK = -100;
const OWN_FIRST_WORD_RANK = FIRST_WORD_RULES.length;

interface Rule {
  readonly tag: string;
  readonly parts: readonly Part[];
  readonly rank: number;
}

const RULES: readonly Rule[] = [...compileRules(ANY_NAME_RULES, ANY_NAME_RANK), ...compileRules(FIRST_WORD_RULES, 0)];
const RANKS = new Map<string, number>(RULES.toReversed().map((rule) => [rule.tag, rule.rank]));

function compileRules(rules: readonly (readonly [string, string])[], firstRank: number): Rule[] {
  return rules.map(([tag, pattern], i) => ({ tag, parts: pattern.split('.').map(parsePart), rank: firstRank + i }));
}

/** Envoy tries patterns that fit any name first, then those that start with a fixed word ("^cluster\."), the defaults among them. */
function patternRank(regex: string): number {
  return /^\^\w+(\\\.|\(\?=\\\.\)|$)/.test(regex) ? OWN_FIRST_WORD_RANK : OWN_ANY_NAME_RANK;
}

function parsePart(pattern: string): Part {
  const removed = pattern.startsWith('-');
  const text = removed ? pattern.slice(1) : pattern;
  if (text === '*') return { kind: 'any', text: '', removed };
  if (text === '**') return { kind: 'rest', text: '', removed };
  if (text === '$') return { kind: 'value', text: '', removed };
  return text.endsWith('%') ? { kind: 'digits', text: text.slice(0, -1), removed } : { kind: 'text', text, removed };
}

export class TagExtractor {
  readonly #fixed: readonly Tag[];
  readonly #patterns: readonly Pattern[];
  readonly #wanted: (tag: string) => boolean;

  /** @param useDefaults `use_all_default_tags`; a tag of the configuration without a pattern brings that one default back */
  constructor(tags: readonly TagSettings[] = [], useDefaults = true, overridden: readonly string[] = []) {
    this.#fixed = tags.flatMap((t) => (t.fixedValue === null ? [] : [{ label: t.name, value: t.fixedValue, rank: FIXED_RANK }]));
    this.#patterns = tags.flatMap((t) =>
      t.regex === '' ? [] : [{ tag: t.name, match: compileTagPattern(t.regex), rank: patternRank(t.regex) }],
    );
    const single = new Set(tags.filter((t) => t.regex === '' && t.fixedValue === null).map((t) => t.name));
    this.#wanted = useDefaults ? (tag) => !overridden.includes(tag) : (tag) => single.has(tag);
  }

  /** @param tags parallel to `tokens`: the tag whose value the token is, or '' */
  prefix(tokens: readonly string[], tags: readonly string[]): ExtractedPrefix {
    const found: Tag[] = [...this.#fixed];
    const removed: Range[] = [];
    const known = new Set<string>();
    const starts = offsets(tokens);
    tags.forEach((tag, i) => {
      if (tag === '' || known.has(tag) || (DEFAULT_TAGS.has(tag) && !this.#wanted(tag))) return;
      known.add(tag);
      removed.push([starts[i]!, starts[i + 1]!]);
      found.push({ label: tag, value: tokens[i]!, rank: RANKS.get(tag) ?? OWN_FIRST_WORD_RANK });
    });
    const joined = joinAddress(tokens, tags);
    const joinedStarts = offsets(joined);
    for (const rule of RULES) {
      if (known.has(rule.tag) || !this.#wanted(rule.tag)) continue;
      const at = matchAt(rule.parts, joined);
      if (at < 0 || removed.some(([start]) => start === joinedStarts[at])) continue;
      const token = joined[at]!;
      if (rule.tag === 'envoy.listener_address' && token === 'admin') continue;
      known.add(rule.tag);
      const part = rule.parts[at]!;
      // Of "worker_3." only "3." goes: what follows joins the text.
      const fixed = part.text.length;
      removed.push([joinedStarts[at]! + (part.removed ? 0 : fixed), joinedStarts[at + 1]!]);
      rule.parts.forEach((p, i) => {
        if (p.removed && i !== at) removed.push([joinedStarts[i]!, joinedStarts[i + 1]!]);
      });
      found.push({ label: rule.tag, value: token.slice(fixed), rank: rule.rank });
    }
    found.sort((a, b) => a.rank - b.rank);
    return { tags: found, removed, leafTag: this.#leafTag(tokens, starts, known) };
  }

  /** The name and all tags of the statistic `leaf` under `prefix`. */
  name(prefixText: string, prefix: ExtractedPrefix, leaf: string): ExtractedName {
    const full = prefixText + leaf;
    const own: Tag[] = [];
    const removed = [...prefix.removed];
    const code = leaf.lastIndexOf('_rq_') + 4;
    if (code > 3) {
      const start = prefixText.length + code;
      const rest = leaf.slice(code);
      if (/^\d{3}$/.test(rest) && this.#wanted('envoy.response_code')) {
        removed.push([start - 1, full.length]);
        own.push({ label: 'envoy.response_code', value: rest, rank: RESPONSE_CODE_RANK });
      } else if (/^\dxx$/.test(rest) && this.#wanted('envoy.response_code_class')) {
        removed.push([start, start + 1]);
        own.push({ label: 'envoy.response_code_class', value: rest.slice(0, 1), rank: RESPONSE_CLASS_RANK });
      }
    }
    if (prefix.leafTag !== null) {
      const { tag, from } = prefix.leafTag;
      removed.push([from - 1, full.length]);
      own.push({ label: tag, value: full.slice(from), rank: 0 });
    }
    for (const pattern of this.#patterns) {
      const match = pattern.match(full);
      if (match === null) continue;
      removed.push([match.start, match.end]);
      own.push({ label: pattern.tag, value: match.value, rank: pattern.rank });
    }
    const tags = own.length === 0 ? prefix.tags : [...prefix.tags, ...own].sort((a, b) => a.rank - b.rank);
    return { name: without(full, removed), tags };
  }

  #leafTag(tokens: readonly string[], starts: readonly number[], known: ReadonlySet<string>): ExtractedPrefix['leafTag'] {
    // The value may hold a dot: "TLSv1.3".
    for (let at = tokens.length - 1; at >= Math.max(1, tokens.length - 2); at--) {
      if (tokens[at - 1] !== 'ssl') continue;
      for (const [scope, token, tag] of LEAF_RULES)
        if (tokens[at] === token && (scope === '' || tokens[0] === scope) && !known.has(tag) && this.#wanted(tag))
          return { tag, from: starts[at + 1]! };
    }
    return null;
  }
}

/** Where each token starts in the dotted name, and where the name ends. */
function offsets(tokens: readonly string[]): number[] {
  const out = [0];
  for (const token of tokens) out.push(out[out.length - 1]! + token.length + 1);
  return out;
}

function without(full: string, removed: Range[]): string {
  if (removed.length === 0) return full;
  removed.sort((a, b) => a[0] - b[0]);
  let out = '';
  let at = 0;
  for (const [start, end] of removed) {
    if (start > at) out += full.slice(at, start);
    if (end > at) at = end;
  }
  return out + full.slice(at);
}

/** An untagged listener address ("listener.127.0.0.1_80.…") is one value although it holds dots. */
function joinAddress(tokens: readonly string[], tags: readonly string[]): readonly string[] {
  if (tokens[0] !== 'listener' || tags[1] !== '' || !/^\d{1,3}$/.test(tokens[1] ?? '')) return tokens;
  const end = tokens.findIndex((t, i) => i > 0 && /^\d{1,3}_\d+$/.test(t));
  if (end < 0) return tokens;
  return [tokens[0], tokens.slice(1, end + 1).join('.'), ...tokens.slice(end + 1)];
}

/** Index of the token that is the value, or -1. */
function matchAt(parts: readonly Part[], tokens: readonly string[]): number {
  let value = -1;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (part.kind === 'rest') return value;
    const token = tokens[i];
    if (token === undefined) return -1;
    if (part.kind === 'value') value = i;
    else if (part.kind === 'digits') {
      if (!token.startsWith(part.text) || !/^\d+$/.test(token.slice(part.text.length))) return -1;
      value = i;
    } else if (part.kind === 'text' && part.text !== token) return -1;
  }
  return tokens.length === parts.length ? value : -1;
}
