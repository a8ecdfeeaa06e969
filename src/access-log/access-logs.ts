/** The access logs of one worker: loggers share the file of their path. */
import { compileFormat } from '../http/format/formatter.ts';
import { compileJsonFormat } from '../http/format/json-format.ts';
import { FormatContext, type FormatEnvironment } from '../http/format/operator.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { StatsScope } from '../stats/scope.ts';
import { type AccessLogFilter, buildAccessLogFilter } from './filter.ts';
import { LogFile, LogFileStats } from './log-file.ts';
import { type AccessLogSettings, type FileSink, isServiceSink, type LogFormatSettings, type ServiceSink } from './settings.ts';

export interface AccessLogDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly rootScope: StatsScope;
  readonly format: FormatEnvironment;
  readonly flushIntervalMs: number;
}

/** Writes one line or entry for each request (or connection) that its filter lets through. */
export interface AccessLogger {
  /** @param type name of an envoy.data.accesslog.v3.AccessLogType */
  log(info: StreamInfo, type: string): void;
}

/** Loggers of log services: loaded only where there are any. */
export interface ServiceLoggers {
  logger(sink: ServiceSink, filter: AccessLogFilter | null): AccessLogger;
}

class LineLogger implements AccessLogger {
  readonly #file: LogFile;
  readonly #format: (context: FormatContext) => string;
  readonly #filter: AccessLogFilter | null;
  #context: FormatContext | null;

  constructor(file: LogFile, format: (context: FormatContext) => string, filter: AccessLogFilter | null) {
    this.#file = file;
    this.#format = format;
    this.#filter = filter;
    this.#context = null;
  }

  log(info: StreamInfo, type: string): void {
    if (this.#filter !== null && !this.#filter(info, type)) return;
    this.#context ??= new FormatContext(info);
    this.#file.write(this.#format(this.#context.use(info, type)));
  }
}

export class AccessLogs {
  readonly #deps: AccessLogDeps;
  readonly #stats: LogFileStats;
  readonly #files = new Map<string | 1 | 2, LogFile>();
  /** Set before the first log that needs it. */
  services: ServiceLoggers | null = null;

  constructor(deps: AccessLogDeps) {
    this.#deps = deps;
    this.#stats = new LogFileStats(deps.rootScope);
  }

  /** @throws if the file cannot be opened */
  logger(settings: AccessLogSettings): AccessLogger {
    const filter = settings.filter === null ? null : buildAccessLogFilter(settings.filter, this.#deps);
    const { sink } = settings;
    if (isServiceSink(sink)) {
      if (this.services === null) throw new Error('access-log services are not loaded');
      return this.services.logger(sink, filter);
    }
    return new LineLogger(this.#file(sink), lineWriter(settings.format, this.#deps.format), filter);
  }

  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }

  #file(sink: FileSink): LogFile {
    // Opening the standard streams by name fails where they are sockets; the descriptors always work.
    const target =
      sink.kind === 'stdout' || (sink.kind === 'file' && sink.path === '/dev/stdout')
        ? 1
        : sink.kind === 'stderr' || sink.path === '/dev/stderr'
          ? 2
          : sink.path;
    let file = this.#files.get(target);
    if (file === undefined) {
      file = new LogFile(target, this.#deps.clock, this.#stats, this.#deps.flushIntervalMs);
      this.#files.set(target, file);
    }
    return file;
  }
}

function lineWriter(settings: LogFormatSettings, env: FormatEnvironment): (context: FormatContext) => string {
  if (settings.kind === 'json') {
    const formatter = compileJsonFormat(settings.object, env, settings.omitEmptyValues);
    return (context) => formatter.format(context) + '\n';
  }
  const formatter = compileFormat(settings.text, env, settings.omitEmptyValues ? '' : '-');
  return (context) => formatter.format(context);
}
