/** Which coding a response gets when several compressors stand in one chain (RFC 9110 §12.5.3). Behaviour: Envoy's CompressorFilter::chooseEncoding. */

export const Accepts = { Compressor: 0, Identity: 1, Wildcard: 2, Nothing: 3 } as const;
export type Accepts = (typeof Accepts)[keyof typeof Accepts];

export interface Decision {
  readonly encoding: string;
  readonly because: Accepts;
}

const NOTHING: Decision = { encoding: 'identity', because: Accepts.Nothing };
const IDENTITY: Decision = { encoding: 'identity', because: Accepts.Identity };

/**
 * @param accepted value of accept-encoding
 * @param offered codings of the compressors that take this response, in the order of the chain
 * @param chooseFirst of codings that are equally welcome, the first offered wins, and not the first accepted
 */
export function chooseEncoding(accepted: string, offered: readonly string[], chooseFirst: boolean): Decision {
  let best = '';
  let bestQuality = 0;
  for (const part of accepted.split(',')) {
    const semicolon = part.indexOf(';');
    const coding = (semicolon < 0 ? part : part.slice(0, semicolon)).trim();
    const quality = semicolon < 0 ? 1 : qualityOf(part.slice(semicolon + 1));
    if (coding !== '*' && coding !== 'identity' && !offered.includes(coding)) continue;
    const better = quality > bestQuality || (chooseFirst && quality === bestQuality && rank(coding, offered) < rank(best, offered));
    if (!better || !(quality > 0)) continue;
    best = coding;
    bestQuality = quality;
  }
  if (bestQuality === 0) return NOTHING;
  if (best === 'identity') return IDENTITY;
  if (best === '*') return offered.length === 0 ? NOTHING : { encoding: offered[0]!, because: Accepts.Wildcard };
  return { encoding: best, because: Accepts.Compressor };
}

function rank(coding: string, offered: readonly string[]): number {
  const at = offered.indexOf(coding);
  return at < 0 ? offered.length : at;
}

/** NaN if it cannot be read: such a coding is left out. */
function qualityOf(parameters: string): number {
  const equals = parameters.indexOf('=');
  if (equals < 0 || parameters.slice(0, equals).trim().toLowerCase() !== 'q') return 1;
  const text = parameters.slice(equals + 1).trim();
  return text === '' ? Number.NaN : Number(text);
}
