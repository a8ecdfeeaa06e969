/** Counters of `http.<stat_prefix>.` that the router moves. */
import type { Counter, StatsScope } from '../../../stats/scope.ts';

export class RouterStats {
  readonly rqTotal: Counter;
  readonly noRoute: Counter;
  readonly noCluster: Counter;
  readonly rqDirectResponse: Counter;
  readonly rqResetAfterDownstreamResponseStarted: Counter;
  readonly redirectBadLocation: Counter;
  readonly redirectUnsafeScheme: Counter;
  readonly redirectTooManyRedirects: Counter;
  readonly redirectNoRoute: Counter;
  readonly redirectPredicate: Counter;
  readonly rqOverloadLocalReply: Counter;

  constructor(scope: StatsScope) {
    this.rqTotal = scope.counter('rq_total');
    this.noRoute = scope.counter('no_route');
    this.noCluster = scope.counter('no_cluster');
    this.rqDirectResponse = scope.counter('rq_direct_response');
    this.rqResetAfterDownstreamResponseStarted = scope.counter('rq_reset_after_downstream_response_started');
    this.redirectBadLocation = scope.counter('passthrough_internal_redirect_bad_location');
    this.redirectUnsafeScheme = scope.counter('passthrough_internal_redirect_unsafe_scheme');
    this.redirectTooManyRedirects = scope.counter('passthrough_internal_redirect_too_many_redirects');
    this.redirectNoRoute = scope.counter('passthrough_internal_redirect_no_route');
    this.redirectPredicate = scope.counter('passthrough_internal_redirect_predicate');
    this.rqOverloadLocalReply = scope.counter('rq_overload_local_reply');
    // Envoy has these names, and here nothing moves them.
    scope.counter('rq_redirect');
  }
}
