/** The built-in example: its configuration, and what to try with it. */
import { PACKAGE_ROOT } from '../../runtime/package-root.ts';

export const EXAMPLE_CONFIG = new URL('config/example.yaml', PACKAGE_ROOT);

/** What to try, for people who have just started it. */
export const EXAMPLE_HINTS = `
Outrider runs its built-in example. Try, in another terminal:

  curl -i http://127.0.0.1:10000/           the proxy answers itself
  curl -i http://127.0.0.1:10000/flaky      every third upstream answer is 503; retries hide it (x-envoy-attempt-count)
  curl -i http://127.0.0.1:10000/slow       50 to 400 ms; over 300 ms the route's timeout answers 504
  curl -i http://127.0.0.1:10000/reviews    nine of ten requests go to v1, one to v2
  curl http://127.0.0.1:9901/clusters       hosts and their counters
  curl http://127.0.0.1:9901/stats/prometheus
  http://127.0.0.1:9901/ in a browser       the live page; bin/outrider top is the same on a terminal
  npm run demo                              20 seconds of traffic and a table of what happened

Port 15001 captures outbound traffic that iptables redirects: bin/outrider iptables print --help
`;
