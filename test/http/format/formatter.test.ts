import { describe, expect, test } from 'vitest';
import { compileFormat } from '../../../src/http/format/formatter.ts';
import { compileJsonFormat } from '../../../src/http/format/json-format.ts';
import { FormatContext, FormatError, redacting } from '../../../src/http/format/operator.ts';
import { HeaderMap, ResponseHeaders } from '../../../src/http/header-map.ts';
import { Flag } from '../../../src/http/response-flags.ts';
import type { StreamInfo } from '../../../src/http/stream-info.ts';
import { ipAddress, pipeAddress } from '../../../src/net/address.ts';
import { formatEnvironment, request, streamInfo } from '../../support/route-rig.ts';

const env = formatEnvironment({ ZONE: 'é' });

/** A request that has gone all the way. */
function done(change: (info: StreamInfo) => void = () => undefined): StreamInfo {
  const info = streamInfo(request('GET http://a.com/p?k=v%20w&e', 'x: 1', 'x: 2', 'x-request-id: id-1', 'x-envoy-original-path: /was?q'));
  info.requestHeaders!.remove('x-forwarded-proto');
  info.responseHeaders = new ResponseHeaders(200);
  info.responseHeaders.add('server', 's');
  info.responseTrailers = new HeaderMap();
  info.responseTrailers.add('t', 'trailing');
  info.protocol = 'HTTP/1.1';
  info.responseCode = 200;
  info.responseCodeDetails = 'via upstream';
  info.bytesReceived = 3;
  info.bytesSent = 40;
  info.endMs = 12.9;
  info.lastDownstreamRxMs = 1.5;
  info.poolRequestMs = 2;
  info.poolReadyMs = 4;
  info.firstUpstreamTxMs = 4;
  info.lastUpstreamTxMs = 4.25;
  info.firstUpstreamRxMs = 9;
  info.lastDownstreamTxMs = 12;
  info.upstreamHost = { address: ipAddress('10.1.1.1', 80), hostname: 'web.test:80', metadata: { ns: { k: 'host' } } };
  info.upstreamLocalAddress = ipAddress('10.0.0.1', 5555);
  info.upstreamCluster = 'web';
  info.upstreamClusterObservabilityName = 'web-alt';
  info.clusterMetadata = { ns: { k: 5 } };
  info.routeMetadata = { ns: { k: true } };
  info.upstreamProtocol = 'HTTP/1.1';
  info.attemptCount = 2;
  info.routeName = 'route';
  info.dynamicMetadata = new Map([['ns', { k: 'v', n: 1.5, deep: { b: [1, 'x'], a: null } }]]);
  info.filterState = new Map<string, unknown>([
    ['text', 'a "b"'],
    ['object', { f: 'v' }],
  ]);
  change(info);
  return info;
}

function format(text: string, info = done(), type = 'DownstreamEnd', absent: '-' | '' = '-'): string {
  return compileFormat(text, env, absent).format(new FormatContext(info).use(info, type));
}

describe('headers that are not to be seen', () => {
  const hiding = redacting(env, ['x', 'server', 't', 'x-forwarded-client-cert']);
  const shown = (format: string): string => {
    const info = done((one) => one.requestHeaders!.add('x-forwarded-client-cert', 'Hash=1'));
    return compileFormat(format, hiding, '-').format(new FormatContext(info).use(info));
  };

  test.each([
    ['%REQ(X)% %REQ(NONE?X)% %REQ(X?NONE)%', '[redacted] [redacted] [redacted]'],
    ['%REQ(X-REQUEST-ID?X)% %REQ(X):3%', 'id-1 [re'],
    ['%RESP(SERVER)% %TRAILER(T)% %RESP(NONE)%', '[redacted] [redacted] -'],
    ['%XFCC_VALUE(hash)% %XFCC_VALUE(uri)%', '[redacted] -'],
    ['%REQ_WITHOUT_QUERY(X)% %COALESCE({"operators": [{"command": "REQ", "param": "x"}]})%', '[redacted] [redacted]'],
  ])('%s', (format, text) => expect(shown(format)).toBe(text));
});

describe('text', () => {
  test.each([
    ['plain', 'plain'],
    ['100%%', '100%'],
    ['%%REQ(X)%%', '%REQ(X)%'],
    ['[%REQ(:METHOD)%] %PROTOCOL%', '[GET] HTTP/1.1'],
    ['é', '\u00c3\u00a9'],
    // headers
    ['%REQ(X)%', '1'],
    ['%REQ(missing)%', '-'],
    ['%REQ(missing?:PATH)%', '/p?k=v%20w&e'],
    ['%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%', '/was?q'],
    ['%REQ(:AUTHORITY)% %REQ(HOST)% %REQ(:SCHEME)%', 'a.com a.com http'],
    ['%REQ(:PATH):2%', '/p'],
    ['%REQ(X-REQUEST-ID):99%', 'id-1'],
    ['%RESP(server)% %RESP(:STATUS)% %RESP(x)%', 's 200 -'],
    ['%TRAILER(t):5%', 'trail'],
    ['%PATH% %PATH(NQ)% %PATH(NQ:PATH)% %PATH(WQ:PATH)% %PATH(NQ:ORIG)%', '/was?q /was /p /p?k=v%20w&e /was'],
    ['%QUERY_PARAM(k)% %QUERY_PARAM(e)% %QUERY_PARAM(z)%', 'v w  -'],
    ['%QUERY_PARAM(k):1%', 'v'],
    ['%REQ_WITHOUT_QUERY(:PATH)% %REQ_WITHOUT_QUERY(no?X-ENVOY-ORIGINAL-PATH)% %REQ_WITHOUT_QUERY(:PATH):1%', '/p /was /'],
    ['%QUERY_PARAMS% %QUERY_PARAMS(DECODED)% %QUERY_PARAMS(ORIG):3%', 'k=v%20w&e k=v w&e k=v'],
    // results
    ['%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%', '200 via_upstream via upstream'],
    ['%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', '- -'],
    ['%BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_REQUEST_ATTEMPT_COUNT%', '3 40 2'],
    ['%CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%', '- -'],
    ['%GRPC_STATUS% %GRPC_STATUS_NUMBER%', '- -'],
    // time
    ['%START_TIME%', '2023-11-14T22:13:20.123Z'],
    ['%START_TIME(%s.%3f %f %1f %9f)%', '1700000000.123 123000000 1 123000000'],
    [
      '%START_TIME(%Y/%m/%d %H:%M:%S %z %Z %j %e %a %b %F %T %D %y %p)%',
      '2023/11/14 22:13:20 +0000 UTC 318 14 Tue Nov 2023-11-14 22:13:20 11/14/23 23 PM',
    ],
    ['%START_TIME(%E*S|%E3S|%E6f|%ES|%Q|%%)%', '20.123|20.123|123000|%ES|%Q|%'],
    ['%START_TIME(%U %W %V %G %u %w %I %l %k)%', '46 46 46 2023 2 2 10 10 22'],
    ['%DURATION% %REQUEST_DURATION% %REQUEST_TX_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%', '12 1 4 9 3'],
    ['%UPSTREAM_CONNECTION_POOL_READY_DURATION% %DOWNSTREAM_HANDSHAKE_DURATION%', '2 -'],
    ['%COMMON_DURATION(DS_RX_BEG:US_TX_END:us)% %COMMON_DURATION(US_TX_BEG:US_RX_BEG:ms)% %COMMON_DURATION(a:b:ns)%', '4250 5 -'],
    // addresses
    ['%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%', '10.0.0.2:40000 10.0.0.2 40000'],
    ['%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_PORT%', '10.0.0.3:40001 10.0.0.1:8080 15001'],
    ['%UPSTREAM_HOST% %UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%', '10.1.1.1:80 web.test:80 web.test'],
    ['%UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '10.1.1.1:80 80 10.0.0.1'],
    ['%UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW% %UPSTREAM_PROTOCOL%', 'web-alt web HTTP/1.1'],
    ['%ROUTE_NAME% %CONNECTION_ID% %STREAM_ID% %ACCESS_LOG_TYPE%', 'route 7 id-1 DownstreamEnd'],
    ['%DOWNSTREAM_TLS_VERSION% %UPSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_CERT_V_START(%Y)% %REQUESTED_SERVER_NAME%', '- - - -'],
    // metadata
    ['%DYNAMIC_METADATA(ns:k)% %DYNAMIC_METADATA(ns:n)% %DYNAMIC_METADATA(ns:none)% %DYNAMIC_METADATA(none)%', 'v 1.5 - -'],
    ['%DYNAMIC_METADATA(ns:deep)%', '{"a":null,"b":[1,"x"]}'],
    ['%DYNAMIC_METADATA(ns:deep):5%', '{"a":'],
    ['%CLUSTER_METADATA(ns:k)% %UPSTREAM_METADATA(ns:k)% %UPSTREAM_METADATA(["ns","k"])% %METADATA(ROUTE:ns:k)%', '5 host host true'],
    ['%FILTER_STATE(text)% %FILTER_STATE(text:PLAIN)% %FILTER_STATE(object:FIELD:f)% %FILTER_STATE(none)%', '"a \\"b\\"" a "b" v -'],
    // surroundings
    ['%ENVIRONMENT(ZONE)% %ENVIRONMENT(NONE)% %HOSTNAME%', '\u00c3\u00a9 - node-7'],
  ])('%s', (text, expected) => {
    expect(format(text)).toBe(expected);
  });

  test('what is absent is empty where it is to be', () => {
    expect(format('%REQ(no)%|%REQ(X)%|%RESPONSE_FLAGS%|%UPSTREAM_HOST%', streamInfo(), '', '')).toBe('||-|');
  });

  test('a connection without HTTP', () => {
    const info = streamInfo();
    expect(format('%REQ(X)% %PROTOCOL% %RESPONSE_CODE% %UPSTREAM_HOST% %DURATION%', info)).toBe('- - 0 - 0');
  });

  test('UNIX sockets have no port', () => {
    const info = done((i) => {
      i.upstreamHost = { address: pipeAddress('/run/s'), hostname: '', metadata: null };
    });
    expect(format('%UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT% %UPSTREAM_HOST_NAME%', info)).toBe(
      '/run/s /run/s - /run/s',
    );
  });

  test('flags in short and long', () => {
    const info = done((i) => {
      i.flags = Flag.UC | Flag.URX;
    });
    expect(format('%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', info)).toBe('UC,URX UpstreamConnectionTermination,UpstreamRetryLimitExceeded');
  });

  test.each([
    ['trailers', '5', 'NotFound NOT_FOUND 5'],
    ['headers', '14', 'Unavailable UNAVAILABLE 14'],
    ['headers', '99', '99 99 99'],
    ['nowhere', '', 'Unknown UNKNOWN 2'],
  ])('gRPC status in %s: %s', (where, status, expected) => {
    const info = done((i) => {
      i.requestHeaders!.add('content-type', 'application/grpc');
      if (where === 'trailers') i.responseTrailers!.add('grpc-status', status);
      if (where === 'headers') i.responseHeaders!.add('grpc-status', status);
    });
    expect(format('%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)%', info)).toBe(expected);
  });

  test('the second is rendered once, the fraction each time', () => {
    const compiled = compileFormat('%START_TIME(%S.%3f)%', env, '-');
    const at = (wallMs: number) => {
      const info = streamInfo();
      Object.assign(info, { startWallMs: wallMs });
      return compiled.format(new FormatContext(info));
    };
    expect([at(1_700_000_000_001), at(1_700_000_000_999), at(1_700_000_001_000), at(1_700_000_000_050)]).toEqual([
      '20.001',
      '20.999',
      '21.000',
      '20.050',
    ]);
  });
});

describe('what is refused, in the words of Envoy', () => {
  test.each([
    ['%NOPE%', 0, 'Not supported field in StreamInfo: NOPE'],
    ['%COALESCE%', 0, 'COALESCE requires parameters'],
    ['%COALESCE({})%', 0, "COALESCE: JSON configuration must contain 'operators' array"],
    ['%COALESCE({"operators":[]})%', 0, "COALESCE: 'operators' array must not be empty"],
    ['%COALESCE({"operators":["HOSTNAME","NOPE"]})%', 0, "COALESCE: failed to parse operator at index 1: unknown command: 'NOPE'"],
    ['%COALESCE({"operators":[{"command":"REQ"}]})%', 0, 'COALESCE: failed to parse operator at index 0: REQ requires parameters'],
    [
      '%COALESCE({"operators":[1]})%',
      0,
      "COALESCE: failed to parse operator at index 0: operator entry must be either a string (command name) or an object with 'command' field",
    ],
    ['a %NOPE%', 2, 'Not supported field in StreamInfo: NOPE'],
    ['%REQ(a%', 0, "Incorrect configuration: %REQ(a%. Couldn't find valid command at position 0"],
    ['a%b', 1, "Incorrect configuration: a%b. Couldn't find valid command at position 1"],
    ['%%%', 2, "Incorrect configuration: %%%. Couldn't find valid command at position 2"],
    ['%REQ(a)b%', 0, "Incorrect configuration: %REQ(a)b%. Couldn't find valid command at position 0"],
    ['%REQ(a):x%', 0, "Incorrect configuration: %REQ(a):x%. Couldn't find valid command at position 0"],
    ['%REQ(A?B?C)%', 0, 'More than 1 alternative header specified in token: A?B?C'],
    ['%REQ%', 0, 'REQ requires parameters'],
    ['%REQ()%', 0, 'REQ requires parameters'],
    ['%PROTOCOL(x)%', 0, 'PROTOCOL does not take any parameters or length'],
    ['%PROTOCOL:3%', 0, 'PROTOCOL does not take any parameters or length'],
    ['%START_TIME:4%', 0, 'START_TIME does not allow length to be specified.'],
    ['%GRPC_STATUS(x)%', 0, 'GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: x'],
    ['%PATH(x)%', 0, "Invalid PATH option: 'x', only 'WQ'/'NQ' are allowed"],
    ['%COMMON_DURATION(DS_RX_BEG:DS_TX_END:s)%', 0, 'Invalid common duration precision: s.'],
    ['%FILTER_STATE(a:B)%', 0, 'Invalid filter state serialize type, only support PLAIN/TYPED/FIELD.'],
    ['%HOSTNAME(x)%', 0, 'HOSTNAME does not take any parameters or length'],
    ['%UNIQUE_ID(x)%', 0, 'UNIQUE_ID does not take any parameters or length'],
  ])('%s', (text, position, message) => {
    let thrown: unknown;
    try {
      compileFormat(text, env, '-');
    } catch (e) {
      thrown = e;
    }
    expect(thrown).toBeInstanceOf(FormatError);
    expect([(thrown as FormatError).position, (thrown as FormatError).message]).toEqual([position, message]);
  });
});

describe('JSON', () => {
  function json(template: Record<string, unknown>, info = done(), omitEmpty = false): string {
    return compileJsonFormat(template, env, omitEmpty).format(new FormatContext(info).use(info));
  }
  // As Envoy 1.40 writes them.
  test.each([
    [{ z: '%REQ(X)%', a: '%RESPONSE_CODE%' }, '{"a":200,"z":"1"}'],
    [{ a: '%REQ(no)%', b: 'x %REQ(no)%', c: '%RESPONSE_FLAGS%' }, '{"a":null,"b":"x -","c":"-"}'],
    [{ a: 5, b: 1.5, c: true, d: null, e: '' }, '{"a":5,"b":"1.5","c":true,"d":null,"e":""}'],
    [{ n: { b: '%BYTES_SENT%', a: ['%PROTOCOL%', 'x', 1, { q: '%REQ(no)%' }] } }, '{"n":{"a":["HTTP/1.1","x",1,{"q":null}],"b":40}}'],
    [
      { p: '%DOWNSTREAM_LOCAL_PORT%', s: '%START_TIME(%s)%', m: '%RESPONSE_CODE% of %BYTES_SENT%' },
      '{"m":"200 of 40","p":8080,"s":"1700000000"}',
    ],
    [{ 'k"é': 'lit"é<>' }, '{"k\\"\u00c3\u00a9":"lit\\"\u00c3\u00a9<>"}'],
    [
      { m: '%DYNAMIC_METADATA(ns:deep)%', n: '%DYNAMIC_METADATA(ns:n)%', s: '%DYNAMIC_METADATA(ns:k)%' },
      '{"m":{"a":null,"b":[1,"x"]},"n":1.5,"s":"v"}',
    ],
    [{}, '{}'],
  ])('%j', (template, expected) => {
    expect(json(template)).toBe(expected);
  });

  test.each([
    [
      { a: '%REQ(no)%', b: 'x %REQ(no)%', c: { d: '%REQ(no)%' }, e: ['%REQ(no)%', 1], f: null, g: '', h: '%REQ(X)%' },
      '{"b":"x ","e":[1],"g":"","h":"1"}',
    ],
    [{ a: '%REQ(no)%' }, '{}'],
  ])('omit_empty_values: %j', (template, expected) => {
    expect(json(template, done(), true)).toBe(expected);
  });

  test.each([
    ['\u00c3\u00a9\t"\\', '"\u00c3\u00a9\\t\\"\\\\"'],
    // Bytes that are no UTF-8 are escaped one by one, and the quotes with them.
    ['\u0080"\\\t', '"\\u0080\\u0022\\u005c\\u0009"'],
    ['\u00ed\u00a0\u0080', '"\\u00ed\\u00a0\\u0080"'],
    ['a/<>&', '"a/<>&"'],
  ])('a header with %j', (value, expected) => {
    const info = done((i) => i.requestHeaders!.add('v', value));
    expect(json({ v: '%REQ(v)%' }, info)).toBe(`{"v":${expected}}`);
  });
});
