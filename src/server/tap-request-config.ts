/** The body of `POST /tap`. Source: envoy.admin.v3.TapRequest. */

import type { TapRequest } from '../config/gen/envoy/admin/v3/tap_pb.js';
import { loadMessage } from '../config/load-message.ts';
import { compileTap } from '../filters/http/tap/config.ts';
import type { TapSettings } from '../filters/http/tap/settings.ts';

/** What is asked for, or what is wrong with it. */
export function loadTapRequest(body: string): { readonly configId: string; readonly settings: TapSettings } | string {
  const { message, problems, context } = loadMessage<TapRequest>('envoy.admin.v3.TapRequest', { yamlOverlay: body });
  const settings = message?.tapConfig === undefined ? null : compileTap(message.tapConfig, context.field('tap_config'));
  const wrong = [...problems, ...context.list.problems].filter((problem) => problem.severity === 'error');
  if (wrong.length > 0 || message === null || settings === null) {
    const lines = new Set(wrong.map((problem) => `${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`));
    return [...lines].join('\n') || 'tap_config is required';
  }
  return { configId: message.configId, settings };
}
