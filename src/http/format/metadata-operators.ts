/** Operators on metadata, filter state and the process's surroundings. */
import { wireText } from '../wire-text.ts';
import { jsonText } from './json-text.ts';
import {
  type FormatContext,
  FormatError,
  type Operator,
  type OperatorCall,
  type OperatorMaker,
  plainString,
  requireArgs,
  stringOperator,
  truncated,
} from './operator.ts';

type Metadata = Readonly<Record<string, unknown>>;

/** Envoy renders a string as it is and everything else as JSON. */
function asText(value: unknown): string {
  return typeof value === 'string' ? wireText(value) : jsonText(value);
}

/** `ns:key:key` or the legacy `["ns","key"]`. */
function splitPath(args: string): string[] {
  if (!args.startsWith('[')) return args.split(':');
  let parsed: unknown;
  try {
    parsed = JSON.parse(args);
  } catch {
    throw new FormatError(`Invalid header configuration. Expected format FIELD(["namespace", "k", ...]), actual format ${args}`);
  }
  if (!Array.isArray(parsed) || !parsed.every((p) => typeof p === 'string')) {
    throw new FormatError(`Invalid header configuration. Expected format FIELD(["namespace", "k", ...]), actual format ${args}`);
  }
  return parsed;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (let i = 0; i < path.length; i++) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Metadata)[path[i]!];
  }
  return value;
}

function valueOperator(call: OperatorCall, value: (ctx: FormatContext) => unknown): Operator {
  const text = (ctx: FormatContext): string | null => {
    const found = value(ctx);
    return found === undefined ? null : asText(found);
  };
  // Cut to a length it is a string, whatever it was.
  if (call.maxLength !== null) return stringOperator(truncated(text, call.maxLength));
  const json = (ctx: FormatContext): string | null => {
    const found = value(ctx);
    return found === undefined ? null : jsonText(found);
  };
  return { text, kind: 'json', json };
}

type NamespaceSource = (ctx: FormatContext, namespace: string) => unknown;

const dynamicMetadata: NamespaceSource = (ctx, namespace) => ctx.info.dynamicMetadata?.get(namespace);
const clusterMetadata: NamespaceSource = (ctx, namespace) => ctx.info.clusterMetadata?.[namespace];
const upstreamMetadata: NamespaceSource = (ctx, namespace) => ctx.info.upstreamHost?.metadata?.[namespace];
const routeMetadata: NamespaceSource = (ctx, namespace) => ctx.info.routeMetadata?.[namespace];

function metadataOperator(source: NamespaceSource): OperatorMaker {
  return (call) => metadataAt(call, splitPath(requireArgs(call)), source);
}

function metadataAt(call: OperatorCall, path: readonly string[], source: NamespaceSource): Operator {
  const [namespace = '', ...keys] = path;
  return valueOperator(call, (ctx) => valueAt(source(ctx, namespace), keys));
}

const METADATA_TYPES: ReadonlyMap<string, NamespaceSource> = new Map([
  ['DYNAMIC', dynamicMetadata],
  ['CLUSTER', clusterMetadata],
  ['UPSTREAM_HOST', upstreamMetadata],
  ['ROUTE', routeMetadata],
]);

/** METADATA(TYPE:namespace:key…), from the formatter extension envoy.formatter.metadata. */
const typedMetadata: OperatorMaker = (call) => {
  const [type = '', ...path] = requireArgs(call).split(':');
  const source = METADATA_TYPES.get(type);
  if (source === undefined) throw new FormatError(`${type} is not supported type of metadata`);
  return metadataAt(call, path, source);
};

const filterState: OperatorMaker = (call) => {
  const [key = '', form = 'TYPED', field, ...rest] = requireArgs(call).split(':');
  if (!['TYPED', 'PLAIN', 'FIELD'].includes(form)) {
    throw new FormatError(`Invalid filter state serialize type, only support PLAIN/TYPED/FIELD.`);
  }
  if (rest.length > 0 || (form === 'FIELD') !== (field !== undefined))
    throw new FormatError('Invalid filter state serialize type, FIELD should be used with the field name.');
  const value = (ctx: FormatContext): unknown => {
    const object = ctx.info.filterState?.get(key);
    return form === 'FIELD' ? valueAt(object, [field!]) : object;
  };
  if (form !== 'TYPED') {
    return stringOperator(
      truncated((ctx) => {
        const found = value(ctx);
        return found === undefined ? null : asText(found);
      }, call.maxLength),
    );
  }
  const json = (ctx: FormatContext): string | null => {
    const found = value(ctx);
    return found === undefined ? null : jsonText(found);
  };
  const text = truncated(json, call.maxLength);
  return call.maxLength === null ? { text, kind: 'json', json } : stringOperator(text);
};

const environmentVariable: OperatorMaker = (call, env) => {
  const value = env.variable(requireArgs(call));
  // Of a variable that is not set Envoy says "-" even where other operators say nothing.
  const text = value === undefined ? '-' : wireText(value);
  return stringOperator(truncated(() => text, call.maxLength));
};

export const METADATA_OPERATORS: readonly (readonly [string, OperatorMaker])[] = [
  ['DYNAMIC_METADATA', metadataOperator(dynamicMetadata)],
  ['CLUSTER_METADATA', metadataOperator(clusterMetadata)],
  ['UPSTREAM_METADATA', metadataOperator(upstreamMetadata)],
  ['METADATA', typedMetadata],
  ['FILTER_STATE', filterState],
  ['UPSTREAM_FILTER_STATE', (call) => valueOperator(call, () => undefined)],
  ['ENVIRONMENT', environmentVariable],
  ['HOSTNAME', (call, env) => plainString(() => (env.hostname === '' ? null : env.hostname))(call, env)],
];
