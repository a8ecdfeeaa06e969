/** Answers "how would this request be handled?" on a worker, from what the worker runs at that moment. */
import type { HcmFactory } from '../../filters/network/http-connection-manager/filter.ts';
import { HttpConnectionManager } from '../../filters/network/http-connection-manager/http-connection-manager.ts';
import type { TcpProxySettings } from '../../filters/network/tcp-proxy/config.ts';
import { shortFlags } from '../../http/response-flags.ts';
import type { FilterChain } from '../../listener/filter-chain.ts';
import { nextTurn } from '../../runtime/turn.ts';
import { chainReport, connectionFacts, type Listeners, listenerAddresses, pickListener } from './connection-report.ts';
import { type DryRun, type DryRunDeps, dryRun } from './dry-run.ts';
import type { ExplainAnswer, Explanation, Outcome } from './explanation.ts';
import { httpReport, routeReport } from './http-report.ts';
import { type ExplainQuestion, QuestionError } from './question.ts';
import { clusterReport, retryReport, timeoutReport } from './upstream-report.ts';

/** What a worker runs, asked anew for each question. */
export interface ExplainWorld extends Listeners, DryRunDeps {}

/** Answers each question; one that makes no sense does not spoil the others. Traffic goes on between them. */
export async function explainAll(questions: readonly ExplainQuestion[], world: ExplainWorld): Promise<ExplainAnswer[]> {
  const answers: ExplainAnswer[] = [];
  for (const question of questions) {
    if (answers.length > 0) await nextTurn();
    answers.push(answer(question, world));
  }
  return answers;
}

function answer(question: ExplainQuestion, world: ExplainWorld): ExplainAnswer {
  try {
    return explainRequest(question, world);
  } catch (error) {
    if (error instanceof QuestionError) return { error: error.message };
    throw error;
  }
}

/** @throws QuestionError if the question names what is not there */
export function explainRequest(question: ExplainQuestion, world: ExplainWorld): Explanation {
  const picked = pickListener(question, world);
  const request = {
    method: question.method,
    authority: question.authority,
    path: question.path,
    source: question.source,
    destination: picked?.destination.text ?? question.destination,
    sni: question.sni,
    random: question.random,
  };
  const rest = { http: null, route: null, cluster: null, timeouts: [], retries: null };
  if (picked === null) {
    const why = question.destination === '' ? 'there is no HTTP listener' : `no listener takes connections to ${question.destination}`;
    return { request, listener: null, filter_chain: null, ...rest, outcome: { kind: 'close', why } };
  }
  const { listener } = picked;
  const facts = connectionFacts(question, picked);
  const chain = listener.findChain(facts);
  const where = {
    request,
    listener: { name: listener.settings.name, addresses: listenerAddresses(listener), why: picked.why },
    filter_chain: chainReport(listener, chain, facts),
  };
  if (chain === null) return { ...where, ...rest, outcome: { kind: 'close', why: 'no filter chain matches (filter_chain_not_found)' } };
  facts.filterChainName = chain.settings.name;
  const manager = managerOf(chain);
  if (manager === null) return { ...where, ...rest, outcome: withoutHttp(chain) };

  const run = dryRun(manager, question, facts, listener.settings.bufferLimit, world);
  const route = routeReport(manager.routeTable(), run);
  const forward = route?.settings?.action.kind === 'forward' ? route.settings.action : null;
  return {
    ...where,
    http: httpReport(manager, question, run),
    route: route?.part ?? null,
    cluster: clusterReport(run),
    timeouts: timeoutReport(manager, run, forward),
    retries: retryReport(run),
    outcome: outcomeOf(run),
  };
}

function managerOf(chain: FilterChain): HttpConnectionManager | null {
  for (const factory of chain.factories) {
    const { manager } = factory as Partial<HcmFactory>;
    if (manager instanceof HttpConnectionManager) return manager;
  }
  return null;
}

function withoutHttp(chain: FilterChain): Outcome {
  const last = chain.settings.filters.at(-1);
  if (last === undefined) return { kind: 'close', why: 'the filter chain has no filters' };
  const settings = last.settings as Partial<TcpProxySettings>;
  const named = settings.cluster === undefined || settings.cluster === '' ? [] : [settings.cluster];
  return { kind: 'tcp', filter: last.name, clusters: [...named, ...(settings.weightedClusters ?? []).map(({ name }) => name)] };
}

function outcomeOf(run: DryRun): Outcome {
  const info = run.info!;
  if (run.reply !== null)
    return {
      kind: 'reply',
      status: run.reply.status,
      response_flags: shortFlags(info.flags, info.flagOrder),
      response_code_details: info.responseCodeDetails,
      location: run.reply.get('location') ?? '',
      body: info.localReplyBody,
    };
  if (run.forwarded !== null) return { kind: 'forward', cluster: run.clusterName, host: run.host?.address.text ?? '' };
  return { kind: 'close', why: info.responseCodeDetails };
}
