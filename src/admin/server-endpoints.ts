/** Endpoints about the process as a whole: state, health, drain, memory, certificates, runtime values. */
import type { AdminDeps, Endpoint, EndpointParameter } from './api.ts';
import { json, ok, text } from './reply.ts';

/** An endpoint that does one thing and says OK. */
function action(path: string, help: string, act: (deps: AdminDeps) => void): Endpoint {
  return {
    path,
    help,
    mutates: true,
    parameters: [],
    handle: (_request, deps) => {
      act(deps);
      return ok();
    },
  };
}

function query(
  path: string,
  help: string,
  handle: (deps: AdminDeps) => ReturnType<Endpoint['handle']>,
  parameters: readonly EndpointParameter[] = [],
): Endpoint {
  return { path, help, mutates: false, parameters, handle: (_request, deps) => handle(deps) };
}

const ready = query('/ready', 'print server state, return 200 if LIVE, otherwise return 503', (deps) => {
  const state = deps.state();
  return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
});

const serverInfo = query('/server_info', 'print server version/status information', (deps) => {
  const info = deps.serverInfo();
  return json({
    version: info.version,
    state: deps.state(),
    uptime_current_epoch: `${Math.floor(info.uptimeCurrentEpochS)}s`,
    uptime_all_epochs: `${Math.floor(info.uptimeAllEpochsS)}s`,
    hot_restart_version: info.hotRestartVersion,
    command_line_options: info.commandLineOptions,
    node: info.node,
  });
});

const memory = query('/memory', 'print current allocation/heap usage', (deps) => {
  const use = deps.memory();
  // 64-bit numbers are strings in protobuf's JSON.
  return json({
    allocated: String(use.allocated),
    heap_size: String(use.heapSize),
    pageheap_unmapped: String(use.pageheapUnmapped),
    pageheap_free: String(use.pageheapFree),
    total_thread_cache: String(use.totalThreadCache),
    total_physical_bytes: String(use.totalPhysicalBytes),
  });
});

const runtime = query('/runtime', 'print runtime values', (deps) => {
  const { layers, entries } = deps.runtime();
  const shown: Record<string, object> = {};
  for (const key of Object.keys(entries).sort()) {
    const entry = entries[key]!;
    shown[key] = { final_value: entry.finalValue, layer_values: entry.layerValues };
  }
  return json({ entries: shown, layers });
});

const runtimeModify: Endpoint = {
  path: '/runtime_modify',
  help: 'add or change runtime values given as parameters (?key1=value1&key2=value2); an empty value removes what this endpoint had set',
  mutates: true,
  parameters: [],
  handle: (request, deps) => {
    const values = new Map(request.params);
    if (values.size === 0)
      return text(
        'usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n' +
          '       or send the parameters as form values\n' +
          'use an empty value to remove a previously added override',
        400,
      );
    return deps.modifyRuntime(values) ? ok() : text('No admin layer specified', 503);
  },
};

const drainListeners: Endpoint = {
  path: '/drain_listeners',
  help: 'drain listeners',
  mutates: true,
  parameters: [
    { name: 'graceful', help: 'drain gently for the drain time before the listeners close', flag: true },
    { name: 'skip_exit', help: 'drain connections but keep the listeners; graceful has no effect then', flag: true },
    { name: 'inboundonly', help: 'only listeners whose traffic_direction is INBOUND', flag: true },
  ],
  handle: (request, deps) => {
    deps.drainListeners({
      graceful: request.params.has('graceful'),
      skipExit: request.params.has('skip_exit'),
      inboundOnly: request.params.has('inboundonly'),
    });
    return ok();
  },
};

const initDump = query(
  '/init_dump',
  'print what is not ready yet (experimental)',
  (deps) => {
    const dumps = deps.unreadyTargets().map((d) => ({ name: d.name, target_names: d.targets }));
    return json(dumps.length === 0 ? {} : { unready_targets_dumps: dumps });
  },
  [{ name: 'mask', help: 'the part to show, "listener"' }],
);

const quit: Endpoint = {
  path: '/quitquitquit',
  help: 'exit the server',
  mutates: true,
  parameters: [],
  handle: (_request, deps) => ok(() => deps.quit()),
};

export const serverEndpoints: readonly Endpoint[] = [
  query('/certs', 'print certs on machine', (deps) => json({ certificates: deps.certificates() })),
  // Node has no mutexes to contend for; the text is the one for "not enabled".
  query('/contention', 'print mutex contention (never enabled)', () =>
    text('Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing.'),
  ),
  drainListeners,
  action('/healthcheck/fail', 'cause the server to fail health checks', (deps) => deps.failHealthChecks(true)),
  action('/healthcheck/ok', 'cause the server to pass health checks', (deps) => deps.failHealthChecks(false)),
  query('/hot_restart_version', 'print the hot restart compatibility version', (deps) => text(deps.serverInfo().hotRestartVersion)),
  initDump,
  memory,
  quit,
  ready,
  action('/reopen_logs', 'reopen access logs', (deps) => deps.reopenLogs()),
  runtime,
  runtimeModify,
  serverInfo,
];
