/** The log of health changes: one JSON line each, as Envoy writes envoy.data.core.v3.HealthCheckEvent. */
import type { Clock } from '../../runtime/clock.ts';
import type { CheckedHost } from './checked-host.ts';
import type { FailureType } from './session.ts';

export interface EventLog {
  /** @param line latin1 text with its line end */
  write(line: string): void;
}

export class HealthEvents {
  readonly #logs: readonly EventLog[];
  readonly #clock: Clock;
  readonly #checker: string;
  readonly #cluster: string;

  /** @param checker HealthCheckerType, e.g. "HTTP" */
  constructor(logs: readonly EventLog[], clock: Clock, checker: string, cluster: string) {
    this.#logs = logs;
    this.#clock = clock;
    this.#checker = checker;
    this.#cluster = cluster;
  }

  ejected(host: CheckedHost, type: FailureType, status: number): void {
    this.#write(host, { eject_unhealthy_event: { failure_type: type, http_status_code: status } }, {}, {});
  }

  addHealthy(host: CheckedHost, first: boolean): void {
    this.#write(host, { add_healthy_event: { first_check: first } }, {}, {});
  }

  failure(host: CheckedHost, type: FailureType, first: boolean, status: number): void {
    this.#write(host, {}, { health_check_failure_event: { failure_type: type, first_check: first, http_status_code: status } }, {});
  }

  degraded(host: CheckedHost, degraded: boolean): void {
    this.#write(host, {}, degraded ? { degraded_healthy_host: {} } : { no_longer_degraded_host: {} }, {});
  }

  success(host: CheckedHost): void {
    this.#write(host, {}, {}, { successful_health_check_event: {} });
  }

  /** Fields in the order of their numbers, which is how protobuf prints them. */
  #write(host: CheckedHost, beforeTime: object, afterTime: object, last: object): void {
    const { metadata, locality } = host.record;
    const line = JSON.stringify({
      health_checker_type: this.#checker,
      host: eventAddress(host),
      cluster_name: this.#cluster,
      ...beforeTime,
      timestamp: new Date(Math.floor(this.#clock.wallMs())).toISOString(),
      ...afterTime,
      ...(metadata === null ? {} : { metadata: { filter_metadata: metadata, typed_filter_metadata: {} } }),
      locality: { region: locality.region, zone: locality.zone, sub_zone: locality.subZone },
      ...last,
    });
    const text = Buffer.from(line + '\n').toString('latin1');
    for (const log of this.#logs) log.write(text);
  }
}

function eventAddress(host: CheckedHost): object {
  const { address } = host;
  if (address.kind === 'pipe') return { pipe: { path: address.path, mode: 0 } };
  return {
    socket_address: {
      protocol: 'TCP',
      address: address.ip,
      port_value: address.port,
      resolver_name: '',
      ipv4_compat: false,
      network_namespace_filepath: '',
    },
  };
}
