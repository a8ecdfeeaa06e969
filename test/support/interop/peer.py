"""
The service and the test cases of gRPC's interoperability tests (grpc.testing.TestService), without those of authentication, over
grpcio's generic API. Messages are written and read by hand, so that no generated code is needed.

    peer.py server [CHAIN KEY]               prints its port, and then how each call ended that was given up
    peer.py client PORT AUTHORITY CASE...    AUTHORITY "-" for plain text; prints "ok CASE" or "failed CASE: why" for each
"""

import concurrent.futures
import sys
import threading
import time

import grpc

SERVICE = "/grpc.testing.TestService/"


# Protocol buffers: a message is a dictionary from field number to the list of its values.

def varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write(fields):
    out = []
    for number, values in fields.items():
        for value in values:
            if isinstance(value, dict):
                value = write(value)
            if isinstance(value, str):
                value = value.encode()
            if isinstance(value, bytes):
                out += [varint(number << 3 | 2), varint(len(value)), value]
            else:
                out += [varint(number << 3), varint(value)]
    return b"".join(out)


def read(data):
    fields = {}
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        elif key & 7 == 2:
            length = number()
            value = data[at:at + length]
            at += length
        else:
            raise ValueError("wire type %d" % (key & 7))
        fields.setdefault(key >> 3, []).append(value)
    return fields


def one(fields, number, otherwise=b""):
    return fields.get(number, [otherwise])[-1]


def payload(size):
    return {2: [bytes(size)]}


# The server.

def echo_metadata(context):
    metadata = dict(context.invocation_metadata())
    if "x-grpc-test-echo-initial" in metadata:
        context.send_initial_metadata((("x-grpc-test-echo-initial", metadata["x-grpc-test-echo-initial"]),))
    if "x-grpc-test-echo-trailing-bin" in metadata:
        context.set_trailing_metadata((("x-grpc-test-echo-trailing-bin", metadata["x-grpc-test-echo-trailing-bin"]),))


def end_with(request, context):
    if 7 in request:
        status = read(one(request, 7))
        code = one(status, 1, 0)
        if code != 0:
            context.abort(next(each for each in grpc.StatusCode if each.value[0] == code), one(status, 2).decode())


def wants_compression(fields, number):
    return number in fields and one(read(one(fields, number)), 1, 0) == 1


def empty_call(_request, context):
    echo_metadata(context)
    return b""


def unary_call(request, context):
    request = read(request)
    echo_metadata(context)
    end_with(request, context)
    if wants_compression(request, 6):
        context.set_compression(grpc.Compression.Gzip)
    return write({1: [payload(one(request, 2, 0))]})


def streaming_input_call(requests, _context):
    return write({1: [sum(len(one(read(one(read(each), 1)), 2)) for each in requests)]})


def outputs(request, context):
    for parameters in request.get(2, []):
        parameters = read(parameters)
        if one(parameters, 2, 0) > 0:
            time.sleep(one(parameters, 2) / 1e6)
        if wants_compression(parameters, 3):
            context.set_compression(grpc.Compression.Gzip)
        yield write({1: [payload(one(parameters, 1, 0))]})
    end_with(request, context)


def streaming_output_call(request, context):
    yield from outputs(read(request), context)


def full_duplex_call(requests, context):
    finished = threading.Event()
    context.add_callback(lambda: None if finished.is_set() else print("given up", flush=True))
    echo_metadata(context)
    for request in requests:
        yield from outputs(read(request), context)
    finished.set()


def half_duplex_call(requests, context):
    for request in list(requests):
        yield from outputs(read(request), context)


def serve(arguments):
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=20),
        options=(("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)),
    )
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("grpc.testing.TestService", {
            "EmptyCall": grpc.unary_unary_rpc_method_handler(empty_call),
            "UnaryCall": grpc.unary_unary_rpc_method_handler(unary_call),
            "StreamingInputCall": grpc.stream_unary_rpc_method_handler(streaming_input_call),
            "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(streaming_output_call),
            "FullDuplexCall": grpc.stream_stream_rpc_method_handler(full_duplex_call),
            "HalfDuplexCall": grpc.stream_stream_rpc_method_handler(half_duplex_call),
        }),
    ))
    if arguments:
        chain, key = (open(path, "rb").read() for path in arguments)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # Ends when whoever started it closes its input.
    sys.stdin.read()
    server.stop(None)


# The client.

SIZES = [31415, 9, 2653, 58979]
INPUTS = [27182, 8, 1828, 45904]
LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159


def expect(got, wanted):
    if got != wanted:
        raise AssertionError("got %.100r, expected %.100r" % (got, wanted))


def body_of(response):
    return one(read(one(read(response), 1)), 2)


def fails_with(code, call, details=None):
    try:
        call()
    except grpc.RpcError as error:
        expect(error.code(), code)
        if details is not None:
            expect(error.details(), details)
        return
    raise AssertionError("succeeded")


def output_request(size, more=None):
    return write({2: [{1: [size], **(more or {})}], 3: [payload(INPUTS[SIZES.index(size)] if size in SIZES else 0)]})


class Pipe:
    """Requests handed over one by one."""

    def __init__(self):
        self.condition = threading.Condition()
        self.waiting = []
        self.closed = False

    def __iter__(self):
        return self

    def __next__(self):
        with self.condition:
            self.condition.wait_for(lambda: self.waiting or self.closed)
            if self.waiting:
                return self.waiting.pop(0)
            raise StopIteration

    def add(self, request):
        with self.condition:
            self.waiting.append(request)
            self.condition.notify()

    def close(self):
        with self.condition:
            self.closed = True
            self.condition.notify()


class Cases:
    def __init__(self, channel):
        self.channel = channel
        self.empty = channel.unary_unary(SERVICE + "EmptyCall")
        self.unary = channel.unary_unary(SERVICE + "UnaryCall")
        self.input = channel.stream_unary(SERVICE + "StreamingInputCall")
        self.output = channel.unary_stream(SERVICE + "StreamingOutputCall")
        self.duplex = channel.stream_stream(SERVICE + "FullDuplexCall")

    def large(self, compressed=None):
        return write({2: [LARGE_RESPONSE], 3: [payload(LARGE_REQUEST)], **(compressed or {})})

    def empty_unary(self):
        expect(self.empty(b""), b"")

    def large_unary(self):
        expect(body_of(self.unary(self.large())), bytes(LARGE_RESPONSE))

    def client_compressed_unary(self):
        answer = self.unary(self.large({8: [{1: [1]}]}), compression=grpc.Compression.Gzip)
        expect(body_of(answer), bytes(LARGE_RESPONSE))

    def server_compressed_unary(self):
        expect(body_of(self.unary(self.large({6: [{1: [1]}]}))), bytes(LARGE_RESPONSE))

    def client_streaming(self, compression=None):
        answer = self.input((write({1: [payload(size)]}) for size in INPUTS), compression=compression)
        expect(one(read(answer), 1), sum(INPUTS))

    def client_compressed_streaming(self):
        self.client_streaming(grpc.Compression.Gzip)

    def server_streaming(self, more=None):
        answers = self.output(write({2: [{1: [size], **(more or {})} for size in SIZES]}))
        expect([len(body_of(each)) for each in answers], SIZES)

    def server_compressed_streaming(self):
        self.server_streaming({3: [{1: [1]}]})

    def ping_pong(self):
        requests = Pipe()
        answers = self.duplex(requests)
        for size in SIZES:
            requests.add(output_request(size))
            expect(len(body_of(next(answers))), size)
        requests.close()
        expect(list(answers), [])

    def empty_stream(self):
        expect(list(self.duplex(iter(()))), [])

    def cancel_after_begin(self):
        requests = Pipe()
        call = self.input.future(requests)
        call.cancel()
        expect(call.cancelled(), True)
        expect(call.code(), grpc.StatusCode.CANCELLED)
        requests.close()

    def cancel_after_first_response(self):
        requests = Pipe()
        answers = self.duplex(requests)
        requests.add(output_request(SIZES[0]))
        expect(len(body_of(next(answers))), SIZES[0])
        answers.cancel()
        fails_with(grpc.StatusCode.CANCELLED, lambda: next(answers))
        requests.close()

    def timeout_on_sleeping_server(self):
        requests = Pipe()
        answers = self.duplex(requests, timeout=0.2)
        requests.add(output_request(SIZES[0], {2: [2_000_000]}))
        fails_with(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: next(answers))
        requests.close()

    def custom_metadata(self):
        initial = "test_initial_metadata_value"
        trailing = b"\x0a\x0b\x0a\x0b\x0a\x0b"
        metadata = (("x-grpc-test-echo-initial", initial), ("x-grpc-test-echo-trailing-bin", trailing))

        def seen(call):
            expect(dict(call.initial_metadata())["x-grpc-test-echo-initial"], initial)
            expect(dict(call.trailing_metadata())["x-grpc-test-echo-trailing-bin"], trailing)

        answer, call = self.unary.with_call(self.large(), metadata=metadata)
        expect(body_of(answer), bytes(LARGE_RESPONSE))
        seen(call)
        answers = self.duplex(iter((output_request(SIZES[0]),)), metadata=metadata)
        expect([len(body_of(each)) for each in answers], [SIZES[0]])
        seen(answers)

    def status_code_and_message(self, message="test status message"):
        status = {7: [{1: [2], 2: [message]}]}
        fails_with(grpc.StatusCode.UNKNOWN, lambda: self.unary(write(status)), message)
        fails_with(grpc.StatusCode.UNKNOWN, lambda: list(self.duplex(iter((write(status),)))), message)

    def special_status_message(self):
        self.status_code_and_message("\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n")

    def unimplemented_method(self):
        call = self.channel.unary_unary(SERVICE + "UnimplementedCall")
        fails_with(grpc.StatusCode.UNIMPLEMENTED, lambda: call(b""))

    def unimplemented_service(self):
        call = self.channel.unary_unary("/grpc.testing.UnimplementedService/UnimplementedCall")
        fails_with(grpc.StatusCode.UNIMPLEMENTED, lambda: call(b""))


def ask(port, authority, names):
    options = [("grpc.max_receive_message_length", -1)]
    if authority == "-":
        channel = grpc.insecure_channel("127.0.0.1:" + port, options)
    else:
        options.append(("grpc.ssl_target_name_override", "a.test"))
        credentials = grpc.ssl_channel_credentials(open(authority, "rb").read())
        channel = grpc.secure_channel("127.0.0.1:" + port, credentials, options)
    cases = Cases(channel)
    for name in names:
        try:
            getattr(cases, name)()
            print("ok " + name, flush=True)
        except Exception as error:
            print("failed %s: %s" % (name, repr(error).replace("\n", " ")), flush=True)
    channel.close()


if sys.argv[1] == "server":
    serve(sys.argv[2:])
else:
    ask(sys.argv[2], sys.argv[3], sys.argv[4:])
