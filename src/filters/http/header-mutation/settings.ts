/** What the header mutation filter is told by its configuration, or by that of a route. */
import type { HeaderStepSettings } from '../../../route/headers/header-steps.ts';

export interface HeaderMutationFilterSettings {
  readonly mutations: MutationsSettings;
  /** Routes' mutations are applied after those of their virtual host, and these after those of the route configuration. */
  readonly mostSpecificWins: boolean;
}

export interface MutationsSettings {
  readonly request: readonly HeaderStepSettings[];
  readonly response: readonly HeaderStepSettings[];
  readonly requestTrailers: readonly HeaderStepSettings[];
  readonly responseTrailers: readonly HeaderStepSettings[];
  readonly query: readonly QueryStepSettings[];
}

export interface QueryStepSettings {
  readonly key: string;
  /** Format with %OPERATORS%. */
  readonly value: string;
  readonly action: 'APPEND_IF_EXISTS_OR_ADD' | 'ADD_IF_ABSENT' | 'OVERWRITE_IF_EXISTS_OR_ADD' | 'OVERWRITE_IF_EXISTS' | 'REMOVE';
}
