/** Connections to upstreams come from the client's address. They need IP_TRANSPARENT (CAP_NET_ADMIN), and routes that bring the answers back. */
import { type AcceptedConnection, type ListenerFilter, type ListenerFilterFactory, ListenerFilterStatus } from '../../api.ts';
import type { OriginalSrcSettings } from './config.ts';

class OriginalSrcFilter implements ListenerFilter {
  readonly #mark: number;

  constructor(mark: number) {
    this.#mark = mark;
  }

  onAccept(accepted: AcceptedConnection): ListenerFilterStatus {
    const { info, streamInfo } = accepted;
    if (info.remoteAddress.kind === 'ip') info.upstreamSource = { ip: info.remoteAddress.ip, mark: this.#mark };
    streamInfo.upstreamSource = info.upstreamSource;
    return ListenerFilterStatus.Done;
  }

  onData(): ListenerFilterStatus {
    return ListenerFilterStatus.Done;
  }
}

export function createOriginalSrc(settings: OriginalSrcSettings): ListenerFilterFactory {
  const filter = new OriginalSrcFilter(settings.mark);
  return { newFilter: () => filter };
}
