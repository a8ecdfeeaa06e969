/** Header edits of every response on its way to the client. Source: conn_manager_utility.cc, mutateResponseHeaders, and ActiveStream::encodeHeaders. */
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { HttpDate } from '../../../runtime/http-date.ts';
import { appendVia, isUpgrade } from './connection-headers.ts';
import type { ProxyStatus } from './proxy-status.ts';
import type { HcmSettings } from './settings.ts';

export class ResponseMutation {
  readonly #settings: HcmSettings;
  readonly #date: HttpDate;
  readonly #proxyStatus: ProxyStatus | null;

  constructor(settings: HcmSettings, date: HttpDate, proxyStatus: ProxyStatus | null) {
    this.#settings = settings;
    this.#date = date;
    this.#proxyStatus = proxyStatus;
  }

  /** @param switching the answer switches protocols: connection and upgrade stay @param mayUpgrade the request asked to, and was allowed to */
  mutate(headers: ResponseHeaders, request: RequestHeaders | null, info: StreamInfo, switching: boolean, mayUpgrade: boolean): void {
    const settings = this.#settings;
    if (!headers.has('date')) headers.add('date', this.#date.text());
    if (settings.serverHeaderTransformation === 'OVERWRITE') headers.set('server', settings.serverName);
    else if (settings.serverHeaderTransformation === 'APPEND_IF_ABSENT' && !headers.has('server'))
      headers.add('server', settings.serverName);

    if (!switching && !(mayUpgrade && isUpgrade(headers))) {
      headers.remove('connection');
      headers.remove('upgrade');
    }
    headers.remove('transfer-encoding');
    headers.remove('keep-alive');
    headers.remove('proxy-connection');

    if (request !== null && (settings.alwaysSetRequestIdInResponse || request.has('x-envoy-force-trace'))) {
      const id = request.get('x-request-id');
      if (id !== undefined) headers.set('x-request-id', id);
    }
    if (settings.via !== '') appendVia(headers, settings.via);
    if (this.#proxyStatus !== null) this.#proxyStatus.apply(headers, info);
  }
}
