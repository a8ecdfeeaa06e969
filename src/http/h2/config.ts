/** HTTP/2 codec settings of either side. Source: envoy.config.core.v3.Http2ProtocolOptions. */
import type { CompileContext } from '../../config/context.ts';
import type { Http2ProtocolOptions, KeepaliveSettings } from '../../config/gen/envoy/config/core/v3/protocol_pb.js';
import { durationMs } from '../config.ts';
import { SettingId } from './protocol.ts';
import { DEFAULT_HTTP2_SETTINGS, type Http2KeepaliveSettings, type Http2Settings } from './settings.ts';

/** What the options say themselves, and what custom_settings_parameters therefore may not. */
const NAMED: ReadonlySet<number> = new Set([
  SettingId.HeaderTableSize,
  SettingId.MaxConcurrentStreams,
  SettingId.InitialWindowSize,
  SettingId.EnableConnectProtocol,
]);

/** @param rest what the connection manager or the cluster says elsewhere */
export function compileHttp2Options(
  message: Http2ProtocolOptions | undefined,
  rest: Partial<Http2Settings>,
  at: CompileContext,
): Http2Settings {
  const settings = { ...DEFAULT_HTTP2_SETTINGS, ...rest };
  if (message === undefined) return settings;
  return {
    ...settings,
    hpackTableSize: message.hpackTableSize ?? settings.hpackTableSize,
    maxConcurrentStreams: message.maxConcurrentStreams ?? settings.maxConcurrentStreams,
    initialStreamWindow: message.initialStreamWindowSize ?? settings.initialStreamWindow,
    initialConnectionWindow: message.initialConnectionWindowSize ?? settings.initialConnectionWindow,
    allowConnect: message.allowConnect,
    maxOutboundFrames: message.maxOutboundFrames ?? settings.maxOutboundFrames,
    maxOutboundControlFrames: message.maxOutboundControlFrames ?? settings.maxOutboundControlFrames,
    maxConsecutiveEmptyFrames: message.maxConsecutiveInboundFramesWithEmptyPayload ?? settings.maxConsecutiveEmptyFrames,
    maxPriorityFramesPerStream: message.maxInboundPriorityFramesPerStream ?? settings.maxPriorityFramesPerStream,
    maxWindowUpdatesPerDataFrame: message.maxInboundWindowUpdateFramesPerDataFrameSent ?? settings.maxWindowUpdatesPerDataFrame,
    streamErrorOnInvalid:
      message.overrideStreamErrorOnInvalidHttpMessage ?? (message.streamErrorOnInvalidHttpMessaging || settings.streamErrorOnInvalid),
    customSettings: compileCustom(message, at),
    keepalive: message.connectionKeepalive === undefined ? null : compileKeepalive(message.connectionKeepalive),
  };
}

function compileCustom(message: Http2ProtocolOptions, at: CompileContext): number[] {
  const pairs = new Map<number, number>();
  message.customSettingsParameters.forEach((parameter, i) => {
    const here = at.field('custom_settings_parameters', i);
    const id = parameter.identifier ?? 0;
    const value = parameter.value ?? 0;
    if (id === SettingId.EnablePush && value !== 0) {
      here.error('server push is not supported: ENABLE_PUSH can only be 0');
      return;
    }
    if (NAMED.has(id)) {
      here.error(`the setting 0x${id.toString(16)} has an option of its own; custom_settings_parameters cannot carry it`);
      return;
    }
    if (pairs.has(id) && pairs.get(id) !== value)
      here.error(`inconsistent HTTP/2 custom SETTINGS parameter(s) detected; identifiers = {0x${id.toString(16)}}`);
    pairs.set(id, value);
  });
  return [...pairs].flat();
}

function compileKeepalive(message: KeepaliveSettings): Http2KeepaliveSettings {
  return {
    intervalMs: durationMs(message.interval) ?? 0,
    timeoutMs: durationMs(message.timeout) ?? 0,
    jitterPercent: message.intervalJitter?.value ?? 15,
    idleIntervalMs: durationMs(message.connectionIdleInterval) ?? 0,
  };
}
