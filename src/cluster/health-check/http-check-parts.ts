/** What all hosts of a cluster share of its HTTP check. */
import type { FormatEnvironment } from '../../http/format/operator.ts';
import { RequestHeaders } from '../../http/header-map.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { Counter } from '../../stats/scope.ts';
import { CheckHeaders } from './check-headers.ts';
import type { CheckedHost } from './checked-host.ts';
import { HttpVerdict } from './http-verdict.ts';
import type { HttpCheckSettings } from './settings.ts';

export class HttpCheckParts {
  readonly send: Buffer;
  readonly verdict: HttpVerdict;
  readonly #settings: HttpCheckSettings;
  readonly #cluster: string;
  readonly #headers: CheckHeaders;

  constructor(settings: HttpCheckSettings, cluster: string, env: FormatEnvironment, runtime: RuntimeSnapshot, verifyCluster: Counter) {
    this.send = Buffer.from(settings.send, 'hex');
    this.verdict = new HttpVerdict(settings, runtime, verifyCluster);
    this.#settings = settings;
    this.#cluster = cluster;
    this.#headers = new CheckHeaders(settings.addHeaders, settings.removeHeaders, env);
  }

  requestHeaders(host: CheckedHost, protocol: string, scheme: string): RequestHeaders {
    const { method, path, host: configured } = this.#settings;
    const headers = new RequestHeaders(method, path, host.hostname || configured || this.#cluster, scheme);
    headers.add('user-agent', 'Envoy/HC');
    this.#headers.apply(headers, host, this.#cluster, protocol);
    if (this.send.length > 0) headers.set('content-length', String(this.send.length));
    return headers;
  }
}
