/** What a thread tells the control thread about its new statistics: plain data, structured-cloneable. Numbers count from 0 in order of announcement. */
export type StatKind = 'counter' | 'gauge' | 'histogram' | 'text';
export type StatUnit = 'ms' | 'bytes' | 'percent' | '';

export interface ScopeDefinition {
  /** The dot-joined parts of the prefix. The value of a tag is one token even if it holds dots. */
  readonly tokens: readonly string[];
  /** Parallel to `tokens`: the tag that the token is the value of ("envoy.cluster_name"), or ''. */
  readonly tags: readonly string[];
}

export interface StatDefinition {
  readonly kind: StatKind;
  /** Number of its scope. */
  readonly scope: number;
  /** The part after the last dot. */
  readonly name: string;
  /** Number of the chunk and the cell in it; -1 for kinds without a cell of their own. */
  readonly chunk: number;
  readonly slot: number;
  readonly unit: StatUnit;
}

/** One decade of a histogram: 4-byte bins, the first of them the zero bin, from cell `slot` of the chunk on. */
export interface HistogramBlock {
  readonly stat: number;
  readonly block: number;
  readonly chunk: number;
  readonly slot: number;
}

export interface StatsAnnouncement {
  readonly chunks: SharedArrayBuffer[];
  readonly scopes: ScopeDefinition[];
  readonly stats: StatDefinition[];
  readonly blocks: HistogramBlock[];
  /** Memory of the thread's ValueRing; once, if it has one. */
  readonly rings: SharedArrayBuffer[];
  readonly texts: { readonly stat: number; readonly text: string }[];
}
