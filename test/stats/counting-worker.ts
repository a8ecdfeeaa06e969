/** A thread that counts as fast as it can, and says so when it is done. */
import { parentPort } from 'node:worker_threads';
import { StatsStore } from '../../src/stats/store.ts';

const store = new StatsStore((announcement) => parentPort!.postMessage(announcement));
const counter = store.root.tagged('cluster', 'envoy.cluster_name', 'web').counter('upstream_rq_total');
const histogram = store.root.scope('cluster.web').histogram('upstream_rq_time');
store.flush();
for (let i = 0; i < 100_000; i++) {
  counter.inc();
  if (i % 10 === 0) histogram.record(i % 1000);
}
store.flush();
parentPort!.postMessage('done');
