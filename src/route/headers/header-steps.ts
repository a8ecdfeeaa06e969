/** A list of header mutations, each applied to what the one before has left. Source: envoy.config.common.mutation_rules.v3.HeaderMutation. */
import type { FormatContext, FormatEnvironment } from '../../http/format/operator.ts';
import type { HeaderMap } from '../../http/header-map.ts';
import { buildStringMatcher, type StringMatcher, type StringMatcherSettings } from '../../http/string-matcher.ts';
import type { HeaderMutationSettings } from '../settings.ts';
import { buildHeaderMutation, type HeaderMutation } from './header-mutation.ts';

export type HeaderStepSettings = HeaderMutationSettings | { readonly removeMatching: StringMatcherSettings };

interface Step {
  readonly mutation: HeaderMutation | null;
  readonly removed: StringMatcher | null;
}

export class HeaderSteps {
  readonly #steps: readonly Step[];

  constructor(settings: readonly HeaderStepSettings[], format: FormatEnvironment) {
    this.#steps = settings.map((step) =>
      'removeMatching' in step
        ? { mutation: null, removed: buildStringMatcher(step.removeMatching) }
        : { mutation: buildHeaderMutation(step, format), removed: null },
    );
  }

  get empty(): boolean {
    return this.#steps.length === 0;
  }

  apply(headers: HeaderMap, ctx: FormatContext): void {
    const steps = this.#steps;
    for (let i = 0; i < steps.length; i++) {
      const { mutation, removed } = steps[i]!;
      if (removed !== null) headers.removeIf((name) => removed.matches(name));
      else if (mutation !== null) mutation.apply(headers, ctx);
    }
  }
}
