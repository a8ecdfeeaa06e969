/** Header additions and removals of a level. Source: envoy.config.core.v3.HeaderValueOption. */
import type { CompileContext } from '../../config/context.ts';
import type { HeaderMutation } from '../../config/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import {
  HeaderValueOption_HeaderAppendAction as AppendAction,
  type HeaderValueOption,
} from '../../config/gen/envoy/config/core/v3/base_pb.js';
import { compileStringMatcher } from '../../http/config.ts';
import { compileFormat } from '../../http/format/formatter.ts';
import { FormatError, NO_ENVIRONMENT } from '../../http/format/operator.ts';
import type { HeaderAddSettings, HeaderMutationSettings } from '../settings.ts';
import type { HeaderStepSettings } from './header-steps.ts';

/** The fields that route configuration, virtual host, route and weighted cluster share. */
export interface HeaderFields {
  readonly requestHeadersToAdd: readonly HeaderValueOption[];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: readonly HeaderValueOption[];
  readonly responseHeadersToRemove: readonly string[];
}

export function compileHeaderFields(
  message: HeaderFields,
  at: CompileContext,
): { readonly requestHeaders: HeaderMutationSettings | null; readonly responseHeaders: HeaderMutationSettings | null } {
  return {
    requestHeaders: compileMutation(message.requestHeadersToAdd, message.requestHeadersToRemove, at, 'request'),
    responseHeaders: compileMutation(message.responseHeadersToAdd, message.responseHeadersToRemove, at, 'response'),
  };
}

function compileMutation(
  add: readonly HeaderValueOption[],
  remove: readonly string[],
  at: CompileContext,
  side: 'request' | 'response',
): HeaderMutationSettings | null {
  if (add.length === 0 && remove.length === 0) return null;
  remove.forEach((name, i) => {
    if (isProtected(name)) at.field(`${side}_headers_to_remove`, i).error(':-prefixed or host headers may not be removed');
  });
  return { add: compileHeaderAdds(add, at, `${side}_headers_to_add`), remove: remove.map((name) => name.toLowerCase()) };
}

export function compileHeaderAdds(options: readonly HeaderValueOption[], at: CompileContext, fieldName: string): HeaderAddSettings[] {
  return options.map((option, i) => compileHeaderAdd(option, at.field(fieldName, i)));
}

/** envoy.config.common.mutation_rules.v3.HeaderMutation, in their order. */
export function compileHeaderSteps(mutations: readonly HeaderMutation[], at: CompileContext, fieldName: string): HeaderStepSettings[] {
  return mutations.map((mutation, i) => {
    const here = at.field(fieldName, i);
    const action = mutation.action;
    switch (action.case) {
      case 'append':
        return { remove: [], add: compileHeaderAdds([action.value], here, 'append') };
      case 'removeOnMatch':
        return { removeMatching: compileStringMatcher(action.value.keyMatcher, here.field('remove_on_match').field('key_matcher')) };
      default:
        return { remove: action.case === 'remove' ? [action.value.toLowerCase()] : [], add: [] };
    }
  });
}

function compileHeaderAdd(option: HeaderValueOption, at: CompileContext): HeaderAddSettings {
  const name = option.header?.key ?? '';
  const header = at.field('header');
  if (isProtected(name)) header.field('key').error(':-prefixed or host headers may not be modified');
  const raw = option.header?.rawValue ?? new Uint8Array();
  const value = raw.length > 0 ? Buffer.from(raw).toString('utf8') : translateLegacyOperators(option.header?.value ?? '');
  try {
    compileFormat(value, NO_ENVIRONMENT, '');
  } catch (e) {
    if (!(e instanceof FormatError)) throw e;
    header.field('value').error(e.message);
  }
  if (option.append !== undefined && option.appendAction !== AppendAction.APPEND_IF_EXISTS_OR_ADD) {
    at.field('append_action').error("Both append and append_action are set and it's not allowed");
  }
  const appendAction = option.append === false ? AppendAction.OVERWRITE_IF_EXISTS_OR_ADD : option.appendAction;
  return { name: name.toLowerCase(), value, action: ACTIONS[appendAction] ?? 'APPEND_IF_EXISTS_OR_ADD', keepEmpty: option.keepEmptyValue };
}

const ACTIONS: Readonly<Record<number, HeaderAddSettings['action']>> = {
  [AppendAction.APPEND_IF_EXISTS_OR_ADD]: 'APPEND_IF_EXISTS_OR_ADD',
  [AppendAction.ADD_IF_ABSENT]: 'ADD_IF_ABSENT',
  [AppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: 'OVERWRITE_IF_EXISTS_OR_ADD',
  [AppendAction.OVERWRITE_IF_EXISTS]: 'OVERWRITE_IF_EXISTS',
};

function isProtected(name: string): boolean {
  return name.startsWith(':') || name.toLowerCase() === 'host';
}

/** Header values have operators that logs do not: %PER_REQUEST_STATE(x)% stands for %FILTER_STATE(x:PLAIN)%. Source: HeaderParser. */
function translateLegacyOperators(value: string): string {
  return value.replace(/%PER_REQUEST_STATE\((.*?)\)%/g, '%FILTER_STATE($1:PLAIN)%');
}
