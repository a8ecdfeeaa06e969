/** A flow's figures as text: short for the graph, in sentences for those who hear it. */
import { bytes, count, milliseconds, percent, perSecond } from './format.ts';
import type { Flow, GraphNode } from './graph-model.ts';

/** "120/s · 0.4 % err · p99 23 ms"; "idle" */
export function flowLine(flow: Flow | null): string {
  if (flow === null) return 'idle';
  if (flow.tcp !== null) return `${count(flow.tcp.connections)} conn · ${bytes(flow.tcp.bytesPerS)}/s`;
  if (flow.rps === 0) return 'idle';
  const errors = flow.errors > 0 ? ` · ${percent(flow.errors)} err` : '';
  return `${perSecond(flow.rps)}${errors}${flow.p99 === null ? '' : ` · p99 ${milliseconds(flow.p99)}`}`;
}

/** "120 requests per second, 0.4 % fail, p50 2 ms, p90 9 ms, p99 23 ms" */
export function flowSentence(flow: Flow | null): string {
  if (flow === null) return 'no traffic';
  if (flow.tcp !== null) return `${count(flow.tcp.connections)} connections, ${bytes(flow.tcp.bytesPerS)} per second`;
  if (flow.rps === 0) return 'no traffic';
  const parts = [`${count(flow.rps)} requests per second`, flow.errors > 0 ? `${percent(flow.errors)} fail` : 'none fail'];
  if (flow.p50 !== null) parts.push(`p50 ${milliseconds(flow.p50)}, p90 ${milliseconds(flow.p90)}, p99 ${milliseconds(flow.p99)}`);
  return parts.join(', ');
}

const KINDS = ['', 'listener', 'route', 'cluster', 'host'] as const;

/**
 * What a node is called: first what is written on it, as those say who speak to their computer, then the rest.
 * @param written the lines on the node, its name maybe shortened
 */
export function nodeLabel(node: GraphNode, written: readonly string[]): string {
  const { flow } = node;
  const parts = [written.filter((line) => line !== '').join(' '), KINDS[node.column]!];
  if (written[0] !== node.title) parts.push(node.title);
  if (node.tone !== null) parts.push(node.tone === 'error' ? 'failing' : 'warning');
  if (flow !== null && flow.p50 !== null)
    parts.push(`p50 ${milliseconds(flow.p50)}, p90 ${milliseconds(flow.p90)}, p99 ${milliseconds(flow.p99)}`);
  return parts.filter((part) => part !== '').join(', ');
}

/** Keeps both ends, where names differ: "outbound|80||revi…cluster.local". */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const tail = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - tail)}…${text.slice(text.length - tail)}`;
}
