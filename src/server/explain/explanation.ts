/** The answer, as JSON says it: Envoy's field names where Envoy has the thing. */

export interface Explanation {
  readonly request: RequestPart;
  readonly listener: ListenerPart | null;
  readonly filter_chain: ChainPart | null;
  /** Null where the chain has no HTTP connection manager. */
  readonly http: HttpPart | null;
  readonly route: RoutePart | null;
  readonly cluster: ClusterPart | null;
  readonly timeouts: readonly TimeoutPart[];
  readonly retries: RetryPart | null;
  readonly outcome: Outcome;
}

export interface RequestPart {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly source: string;
  readonly destination: string;
  readonly sni: string;
  /** Stands for every chance on the way. */
  readonly random: number;
}

export interface ListenerPart {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Why this one. */
  readonly why: string;
}

export interface ChainPart {
  /** '' if it has none. */
  readonly name: string;
  /** Position in filter_chains; -1 = default_filter_chain. */
  readonly index: number;
  readonly criteria: readonly string[];
  readonly network_filters: readonly { readonly name: string; readonly type: string }[];
  readonly others: readonly { readonly name: string; readonly index: number; readonly unmet: readonly string[]; readonly why: string }[];
}

export interface HttpPart {
  readonly stat_prefix: string;
  /** False: answered before routing. */
  readonly admitted: boolean;
  readonly path: { readonly received: string; readonly routed: string };
  readonly authority: { readonly received: string; readonly routed: string };
  /** Whether x-envoy headers of the client are believed. */
  readonly trust: 'internal' | 'external' | '';
  readonly client_address: string;
  readonly headers_removed: readonly string[];
  readonly headers_added: readonly string[];
  readonly headers_changed: readonly string[];
  readonly http_filters: readonly FilterPart[];
}

export interface FilterPart {
  readonly name: string;
  readonly type: string;
  readonly enabled: boolean;
  /** Who switched it off, or on again. */
  readonly decided_by: 'default' | 'http_filters' | 'route';
  /** The route brings settings of its own for it. */
  readonly per_route_config: boolean;
}

export interface RoutePart {
  readonly route_configuration: string;
  /** '' = no virtual host has the authority. */
  readonly virtual_host: string;
  /** Entry of `domains` that matched. */
  readonly domain: string;
  readonly redirected_to_tls: boolean;
  /** -1 = none matched. */
  readonly index: number;
  readonly name: string;
  readonly action: 'forward' | 'direct_response' | 'redirect' | 'none' | '';
  /** Every route up to the one that matched; `missed` says why it was not it. */
  readonly considered: readonly {
    readonly index: number;
    readonly name: string;
    readonly criteria: string;
    readonly missed: readonly string[];
  }[];
  readonly weighted_clusters: WeightedPart | null;
}

export interface WeightedPart {
  readonly clusters: readonly { readonly name: string; readonly weight: number; readonly percent: number }[];
  readonly chosen: string;
  /** "header x-key", "hash policy" or "random". */
  readonly chosen_by: string;
}

export interface ClusterPart {
  readonly name: string;
  /** False: routed to, but there is no such cluster. */
  readonly known: boolean;
  readonly type: string;
  readonly lb_policy: string;
  readonly priority: 'default' | 'high';
  readonly host_priorities: readonly { readonly healthy_percent: number; readonly degraded_percent: number; readonly panic: boolean }[];
  readonly hosts: readonly HostPart[];
  /** One that balancing would pick; '' = none. */
  readonly host: string;
  /** What the route's hash policies make of the request; '' = nothing. */
  readonly hash: string;
  /** Clusters of request_mirror_policies. */
  readonly mirrors: readonly string[];
  readonly circuit_breakers: readonly { readonly name: string; readonly in_use: number; readonly limit: number }[];
  /** What the upstream would see. */
  readonly upstream_request: {
    readonly method: string;
    readonly path: string;
    readonly authority: string;
    readonly headers: readonly (readonly [string, string])[];
  } | null;
}

export interface HostPart {
  readonly address: string;
  readonly hostname: string;
  readonly weight: number;
  readonly priority: number;
  /** "healthy", or flags as `/clusters` shows them. */
  readonly health: string;
  readonly rq_active: number;
}

export interface TimeoutPart {
  readonly name: string;
  /** 0 = off. */
  readonly ms: number;
  readonly from: string;
}

export interface RetryPart {
  readonly enabled: boolean;
  readonly retry_on: readonly string[];
  readonly num_retries: number;
  readonly from: string;
}

export type Outcome =
  | { readonly kind: 'forward'; readonly cluster: string; readonly host: string }
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly response_flags: string;
      readonly response_code_details: string;
      /** '' = none. */
      readonly location: string;
      readonly body: string;
    }
  | { readonly kind: 'tcp'; readonly filter: string; readonly clusters: readonly string[] }
  | { readonly kind: 'close'; readonly why: string };

/** One for each question; a question that makes no sense is answered with why. */
export type ExplainAnswer = Explanation | { readonly error: string };
