/** One entry of request_mirror_policies: who gets copies of how many requests, and how they differ from the request itself. */
import type { FormatContext, FormatEnvironment } from '../../../http/format/operator.ts';
import { firstValue } from '../../../http/header-lookup.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import { HeaderSteps } from '../../headers/header-steps.ts';
import type { MirrorSettings } from '../../route.ts';
import type { MirrorPolicySettings } from '../../settings.ts';

export class MirrorPolicy implements MirrorSettings {
  readonly cluster: string;
  readonly clusterHeader: string;
  readonly traceSampled: boolean | null;
  readonly #settings: MirrorPolicySettings;
  readonly #steps: HeaderSteps;
  readonly #formatContext: FormatContext;

  constructor(settings: MirrorPolicySettings, format: FormatEnvironment, formatContext: FormatContext) {
    this.cluster = settings.cluster;
    this.clusterHeader = settings.clusterHeader;
    this.traceSampled = settings.traceSampled ?? null;
    this.#settings = settings;
    this.#steps = new HeaderSteps(settings.headerChanges, format);
    this.#formatContext = formatContext;
  }

  clusterFor(headers: RequestHeaders, runtime: RuntimeSnapshot, random: number): string {
    const { fraction } = this.#settings;
    if (fraction !== null && !runtime.fraction(fraction.runtimeKey, fraction.numerator, fraction.denominator, random)) return '';
    return this.clusterHeader === '' ? this.cluster : (firstValue(headers, this.clusterHeader) ?? '');
  }

  editHeaders(headers: RequestHeaders, info: StreamInfo): void {
    if (!this.#steps.empty) {
      const ctx = this.#formatContext.use(info);
      ctx.requestHeaders = headers;
      ctx.responseHeaders = null;
      this.#steps.apply(headers, ctx);
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
