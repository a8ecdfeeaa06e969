import { describe, expect, test } from 'vitest';
import { ProxyStatus, type ProxyStatusSettings } from '../../../../src/filters/network/http-connection-manager/proxy-status.ts';
import { Flag } from '../../../../src/http/response-flags.ts';
import { lines, newStreamInfo, responseHeaders } from '../../../support/hcm-rig.ts';

const ALL: ProxyStatusSettings = { name: 'edge', details: true, terminationDetails: true, flags: true, recommendedStatus: false };

function answer(flags: readonly number[], more: Partial<ProxyStatusSettings> = {}, given: Record<string, string> = {}) {
  const info = newStreamInfo();
  info.responseCodeDetails = 'some "details"';
  info.connectionTerminationDetails = 'cut\\off';
  for (const flag of flags) info.flags |= flag;
  const headers = responseHeaders(503, given);
  new ProxyStatus({ ...ALL, ...more }, 'node-1').apply(headers, info);
  return { text: lines(headers)['proxy-status'], status: headers.status };
}

describe('the Proxy-Status header', () => {
  test('tells the error, the details, why the connection ended and the flags', () => {
    expect(answer([Flag.URX, Flag.UF]).text).toBe('edge; error=connection_refused; details="some \\"details\\"; cut\\\\off; URX,UF"');
  });
  test('is behind what is there', () => {
    expect(answer([Flag.DF], { details: false }, { 'proxy-status': 'inner' }).text).toBe('inner, edge; error=dns_error');
  });
  test('leaves out what is not wanted', () => {
    expect(answer([Flag.NR], { flags: false, terminationDetails: false, name: null }).text).toBe(
      'node-1; error=destination_not_found; details="some \\"details\\""',
    );
  });
  test.each([0, Flag.DI, Flag.FI, Flag.DC, Flag.DPE])('is absent where nothing went wrong here (flag %i)', (flag) => {
    expect(answer([flag], { recommendedStatus: true })).toEqual({ text: undefined, status: 503 });
  });
  test('brings the recommended status where there is one', () => {
    expect(answer([Flag.NR], { recommendedStatus: true }).status).toBe(500);
    expect(answer([Flag.IH], { recommendedStatus: true }).status).toBe(503);
  });
});
