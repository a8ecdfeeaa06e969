/** A request goes upstream from the address of its client, as x-forwarded-for or the PROXY protocol may have told it. */
import { type HttpFilterFactory, type HttpStream, PassThroughFilter, Status } from '../../api.ts';
import type { OriginalSrcSettings } from './config.ts';

/** Holds nothing of a request, so one object serves all of them. */
class OriginalSrcFilter extends PassThroughFilter {
  readonly #mark: number;

  constructor(mark: number) {
    super();
    this.#mark = mark;
  }

  override onRequestHeaders(stream: HttpStream): Status {
    const { info } = stream;
    const { remoteAddress } = info;
    if (remoteAddress.kind === 'ip') info.upstreamSource = { ip: remoteAddress.ip, mark: this.#mark };
    return Status.Continue;
  }
}

export function createOriginalSrc(settings: OriginalSrcSettings): HttpFilterFactory {
  const filter = new OriginalSrcFilter(settings.mark);
  return { newFilter: () => filter };
}
