/** How a priority's localities share its traffic. Source: Cluster.CommonLbConfig and LocalityLbConfig of the typed policies. */
export interface LocalityPolicy {
  /** locality_weighted_lb_config: by the localities' weights, scaled by their health. */
  readonly weighted: boolean;
  /** zone_aware_lb_config: in panic there is no host. */
  readonly failTrafficOnPanic: boolean;
  /** Percent of picks that zone-aware routing is asked for. Runtime key upstream.zone_routing.enabled. */
  readonly routingEnabled: number;
  /** Fewer healthy hosts: no zone-aware routing. Runtime key upstream.zone_routing.min_cluster_size. */
  readonly minClusterSize: number;
  /** With at least so many healthy hosts in the own zone everything stays there; 0 = off. Runtime key upstream.zone_routing.force_local_zone.min_size. */
  readonly forceLocalZoneMinSize: number;
  /** Shares of zones are computed from host weights in place of numbers of hosts. */
  readonly byHostWeight: boolean;
}

/** Without any configuration zone-aware routing is on, and waits for a local cluster. */
export const DEFAULT_LOCALITY_POLICY: LocalityPolicy = Object.freeze({
  weighted: false,
  failTrafficOnPanic: false,
  routingEnabled: 100,
  minClusterSize: 6,
  forceLocalZoneMinSize: 0,
  byHostWeight: false,
});
