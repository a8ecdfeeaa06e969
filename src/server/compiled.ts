/** A whole configuration as the control thread and the workers run it: plain data. */

import type { AccessLogSettings } from '../access-log/settings.ts';
import type { AssignmentPolicy, DefaultResolver, LocalitySettings } from '../cluster/settings.ts';
import type { StringMatcherSettings } from '../http/string-matcher.ts';
import type { ListenAddressSettings, ListenerSettings } from '../listener/settings.ts';
import type { StatsSettings } from '../stats/settings.ts';
import type { SinkSettings } from '../stats/sinks/settings.ts';
import type { SecretKind, SecretSettings, WatchedSecretSettings } from '../tls/secrets.ts';
import type { TracerSettings } from '../tracing/settings.ts';
import type { OverloadSettings } from './overload/settings.ts';

export interface AdminSettings {
  readonly address: ListenAddressSettings;
  readonly profilePath: string;
  readonly accessLogs: readonly AccessLogSettings[];
  /** What is answered at all; empty = everything. */
  readonly allowPaths: readonly StringMatcherSettings[];
}

export interface NodeSettings {
  readonly id: string;
  readonly cluster: string;
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  /** envoy.config.core.v3.Node, encoded. */
  readonly message: Uint8Array;
}

export type RuntimeLayerSettings =
  | { readonly kind: 'static'; readonly name: string; readonly values: Readonly<Record<string, string>> }
  | {
      readonly kind: 'disk';
      readonly name: string;
      readonly symlinkRoot: string;
      readonly subdirectory: string;
      readonly appendServiceCluster: boolean;
    }
  | { readonly kind: 'admin'; readonly name: string };

/** A resource subscription by file (`path_config_source`). */
export interface FileSourceSettings {
  readonly path: string;
  /** Directory whose rename swaps announce a change; '' = the file's own. */
  readonly watchedDirectory: string;
  /** How long the start waits for a file that is not there yet; 0 = until it comes. */
  readonly initialFetchTimeoutMs: number;
}

export interface RdsSourceSettings extends FileSourceSettings {
  /** Of the connection manager that asked first: its statistics hold those of the subscription. */
  readonly statPrefix: string;
}

export interface SdsSourceSettings extends FileSourceSettings {
  /** What the context that asked can use. */
  readonly holds: SecretKind;
}

/** The endpoints of one EDS service. */
export interface EndpointsSettings extends AssignmentPolicy {
  /** Without a newer list they are not used any longer than this; 0 = for ever. Source: policy.endpoint_stale_after. */
  readonly staleAfterMs: number;
  readonly localities: readonly LocalitySettings[];
}

export interface DynamicSettings {
  readonly lds: FileSourceSettings | null;
  readonly cds: FileSourceSettings | null;
  /** Route configurations that listeners name: name → source. */
  readonly rds: Readonly<Record<string, RdsSourceSettings>>;
  /** EDS clusters: service name → source. */
  readonly eds: Readonly<Record<string, FileSourceSettings>>;
  /** Secrets that TLS contexts name: name → source. */
  readonly sds: Readonly<Record<string, SdsSourceSettings>>;
  /** Certificates in files with a watched_directory, by the name that they have as secrets. */
  readonly watched: Readonly<Record<string, WatchedSecretSettings>>;
}

export interface CompiledConfig {
  readonly node: NodeSettings;
  readonly admin: AdminSettings | null;
  readonly listeners: readonly ListenerSettings[];
  /** All clusters packed (CatalogBuilder), in memory that every thread shares. */
  readonly clusters: { readonly block: SharedArrayBuffer; readonly nextId: number };
  readonly runtimeLayers: readonly RuntimeLayerSettings[];
  readonly statsFlushIntervalMs: number;
  /** Each request for statistics ends an interval; the timer does not. */
  readonly statsFlushOnAdmin: boolean;
  readonly stats: StatsSettings;
  readonly statsSinks: readonly SinkSettings[];
  /** tracing.http */
  readonly tracer: TracerSettings | null;
  readonly dynamic: DynamicSettings;
  /** static_resources.secrets, for dynamic resources that name them. */
  readonly secrets: readonly SecretSettings[];
  /** For the names of clusters that have no resolver of their own. */
  readonly resolver: DefaultResolver;
  readonly overload: OverloadSettings | null;
  /** Name of the cluster that this proxy belongs to; ''. */
  readonly localClusterName: string;
  /** cluster_manager.outlier_detection.event_log_path; ''. */
  readonly outlierEventLogPath: string;
}
