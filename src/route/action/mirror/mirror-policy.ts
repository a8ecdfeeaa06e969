/** One entry of request_mirror_policies: who gets copies of how many requests, and how they differ from the request itself. */
import type { FormatContext, FormatEnvironment } from '../../../http/format/operator.ts';
import { firstValue } from '../../../http/header-lookup.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import { buildStringMatcher, type StringMatcher } from '../../../http/string-matcher.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import { buildHeaderMutation, type HeaderMutation } from '../../headers/header-mutation.ts';
import type { MirrorSettings } from '../../route.ts';
import type { MirrorPolicySettings } from '../../settings.ts';

interface Step {
  readonly mutation: HeaderMutation | null;
  readonly removed: StringMatcher | null;
}

export class MirrorPolicy implements MirrorSettings {
  readonly cluster: string;
  readonly clusterHeader: string;
  readonly #settings: MirrorPolicySettings;
  readonly #steps: readonly Step[];
  readonly #formatContext: FormatContext;

  constructor(settings: MirrorPolicySettings, format: FormatEnvironment, formatContext: FormatContext) {
    this.cluster = settings.cluster;
    this.clusterHeader = settings.clusterHeader;
    this.#settings = settings;
    this.#steps = settings.headerChanges.map((change) =>
      'removeMatching' in change
        ? { mutation: null, removed: buildStringMatcher(change.removeMatching) }
        : { mutation: buildHeaderMutation(change, format), removed: null },
    );
    this.#formatContext = formatContext;
  }

  clusterFor(headers: RequestHeaders, runtime: RuntimeSnapshot, random: number): string {
    const { fraction } = this.#settings;
    if (fraction !== null && !runtime.fraction(fraction.runtimeKey, fraction.numerator, fraction.denominator, random)) return '';
    return this.clusterHeader === '' ? this.cluster : (firstValue(headers, this.clusterHeader) ?? '');
  }

  editHeaders(headers: RequestHeaders, info: StreamInfo): void {
    const steps = this.#steps;
    for (let i = 0; i < steps.length; i++) {
      const { mutation, removed } = steps[i]!;
      if (removed !== null) headers.removeIf((name) => removed.matches(name));
      else if (mutation !== null) {
        const ctx = this.#formatContext.use(info);
        ctx.requestHeaders = headers;
        ctx.responseHeaders = null;
        mutation.apply(headers, ctx);
      }
    }
    const { hostRewrite, disableShadowHostSuffixAppend } = this.#settings;
    if (hostRewrite !== '') headers.authority = hostRewrite;
    else if (!disableShadowHostSuffixAppend) headers.authority = withShadowSuffix(headers.authority);
  }
}

/** `a.test:80` → `a.test-shadow:80`. */
function withShadowSuffix(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.lastIndexOf(']') > colon) return authority + '-shadow';
  return authority.slice(0, colon) + '-shadow' + authority.slice(colon);
}
