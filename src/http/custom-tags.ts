/** Tags that the configuration asks for. Source: envoy.type.tracing.v3.CustomTag. */
import { compileFormat } from './format/formatter.ts';
import { FormatContext, type FormatEnvironment, REDACTED } from './format/operator.ts';
import type { StreamInfo } from './stream-info.ts';
import { wireText } from './wire-text.ts';

/** A tag that the configuration asks for. Text is wire text (one char a byte); '' as default = the tag is left out. */
export type CustomTagSettings =
  | { readonly kind: 'literal'; readonly tag: string; readonly value: string }
  | { readonly kind: 'environment'; readonly tag: string; readonly name: string; readonly defaultValue: string }
  | { readonly kind: 'request_header'; readonly tag: string; readonly name: string; readonly defaultValue: string }
  | {
      readonly kind: 'metadata';
      readonly tag: string;
      readonly of: 'request' | 'route' | 'cluster' | 'host';
      readonly key: string;
      readonly path: readonly string[];
      readonly defaultValue: string;
    }
  /** A format with %OPERATORS%. */
  | { readonly kind: 'value'; readonly tag: string; readonly format: string };

export interface CustomTag {
  readonly name: string;
  /** '' = the tag is left out. */
  value(info: StreamInfo): string;
}

export function buildCustomTag(settings: CustomTagSettings, env: FormatEnvironment): CustomTag {
  const name = settings.tag;
  switch (settings.kind) {
    case 'literal':
      return constant(name, settings.value);
    case 'environment': {
      const value = env.variable(settings.name);
      return constant(name, value === undefined ? settings.defaultValue : wireText(value));
    }
    case 'request_header':
      // Of several lines Envoy takes the first.
      if (env.redacted?.has(settings.name) === true)
        return { name, value: (info) => (firstLine(info, settings.name) === undefined ? settings.defaultValue : REDACTED) };
      return { name, value: (info) => firstLine(info, settings.name) ?? settings.defaultValue };
    case 'metadata':
      return { name, value: (info) => metadataText(metadataOf(info, settings.of)?.[settings.key], settings.path) ?? settings.defaultValue };
    case 'value': {
      const formatter = compileFormat(settings.format, env, '');
      let context: FormatContext | null = null;
      return { name, value: (info) => formatter.format((context ??= new FormatContext(info)).use(info)) };
    }
  }
}

function firstLine(info: StreamInfo, name: string): string | undefined {
  const headers = info.requestHeaders;
  return name.startsWith(':') ? headers?.lookup(name) : headers?.get(name);
}

function constant(name: string, value: string): CustomTag {
  return { name, value: () => value };
}

type Metadata = Readonly<Record<string, unknown>>;

function metadataOf(info: StreamInfo, of: 'request' | 'route' | 'cluster' | 'host'): Metadata | null {
  switch (of) {
    case 'request':
      return info.dynamicMetadata === null ? null : Object.fromEntries(info.dynamicMetadata);
    case 'route':
      return info.routeMetadata;
    case 'cluster':
      return info.clusterMetadata;
    case 'host':
      return info.upstreamHost?.metadata ?? null;
  }
}

/** As Envoy's MetadataCustomTag: text as it is, numbers and booleans as text, the rest as JSON. */
function metadataText(root: unknown, path: readonly string[]): string | null {
  let value = root;
  for (const key of path) {
    if (value === null || typeof value !== 'object') return null;
    value = (value as Metadata)[key];
  }
  if (value === undefined || value === null) return null;
  return wireText(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
