/** Header mutation settings, of the filter and of routes. Source: envoy.extensions.filters.http.header_mutation.v3. */
import type { CompileContext } from '../../../config/context.ts';
import {
  KeyValueAppend_KeyValueAppendAction as AppendAction,
  type KeyValueMutation,
} from '../../../config/gen/envoy/config/core/v3/base_pb.js';
import type {
  HeaderMutation,
  HeaderMutationPerRoute,
  Mutations,
} from '../../../config/gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { compileFormat } from '../../../http/format/formatter.ts';
import { FormatError, NO_ENVIRONMENT } from '../../../http/format/operator.ts';
import { wireText } from '../../../http/wire-text.ts';
import { compileHeaderSteps } from '../../../route/headers/config.ts';
import type { MutationsSettings, QueryStepSettings } from './settings.ts';

export type { HeaderMutationFilterSettings } from './settings.ts';

export function compileHeaderMutation(message: HeaderMutation, at: CompileContext) {
  return {
    mutations: compileMutations(message.mutations, at.field('mutations')),
    mostSpecificWins: message.mostSpecificHeaderMutationsWins,
  };
}

export function compileHeaderMutationOfRoute(message: HeaderMutationPerRoute, at: CompileContext): MutationsSettings {
  return compileMutations(message.mutations, at.field('mutations'));
}

function compileMutations(message: Mutations | undefined, at: CompileContext): MutationsSettings {
  return {
    request: compileHeaderSteps(message?.requestMutations ?? [], at, 'request_mutations'),
    response: compileHeaderSteps(message?.responseMutations ?? [], at, 'response_mutations'),
    requestTrailers: compileHeaderSteps(message?.requestTrailersMutations ?? [], at, 'request_trailers_mutations'),
    responseTrailers: compileHeaderSteps(message?.responseTrailersMutations ?? [], at, 'response_trailers_mutations'),
    query: (message?.queryParameterMutations ?? []).map((step, i) => compileQueryStep(step, at.field('query_parameter_mutations', i))),
  };
}

const ACTIONS: Readonly<Record<number, QueryStepSettings['action']>> = {
  [AppendAction.APPEND_IF_EXISTS_OR_ADD]: 'APPEND_IF_EXISTS_OR_ADD',
  [AppendAction.ADD_IF_ABSENT]: 'ADD_IF_ABSENT',
  [AppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: 'OVERWRITE_IF_EXISTS_OR_ADD',
  [AppendAction.OVERWRITE_IF_EXISTS]: 'OVERWRITE_IF_EXISTS',
};

function compileQueryStep(step: KeyValueMutation, at: CompileContext): QueryStepSettings {
  const append = step.append;
  if (append === undefined) {
    if (step.remove === '') at.error('one of append and remove is required');
    return { key: wireText(step.remove), value: '', action: 'REMOVE' };
  }
  const here = at.field('append');
  if (step.remove !== '') at.error('only one of append and remove can be set');
  const kind = append.record?.value?.kind;
  if (append.record === undefined) here.error('no record is set');
  else if (kind?.case !== 'stringValue') here.field('record').error('Only string value is allowed for record value.');
  const value = kind?.case === 'stringValue' ? kind.value : '';
  try {
    compileFormat(value, NO_ENVIRONMENT, '');
  } catch (e) {
    if (!(e instanceof FormatError)) throw e;
    here.field('record').field('value').error(e.message);
  }
  return { key: wireText(append.record?.key ?? ''), value, action: ACTIONS[append.action] ?? 'APPEND_IF_EXISTS_OR_ADD' };
}
