import NIOCore
import Testing

@testable import RedisClient

@Suite struct CodecTests {
    private static let stream =
        "+OK\r\n:-42\r\n$5\r\nhello\r\n$-1\r\n*2\r\n*1\r\n:1\r\n$0\r\n\r\n-ERR no\r\n*-1\r\n*0\r\n"
    private static let values: [RedisValue] = [
        .string("OK"), .integer(-42), .string("hello"), .null, .array([.array([.integer(1)]), .string("")]),
        .error(RedisReplyError(message: "ERR no")), .null, .array([]),
    ]

    @Test("Replies mean the same wherever the stream is split")
    func splits() throws {
        let bytes = ByteBuffer(string: Self.stream)
        for split in 0...bytes.readableBytes {
            var decoder = RESPDecoder(unfinishedBytesMax: 1024)
            let head = try decoder.decode(try #require(bytes.getSlice(at: 0, length: split)))
            let tail = try decoder.decode(
                try #require(bytes.getSlice(at: split, length: bytes.readableBytes - split)))
            #expect((head + tail).map(\.reply) == Self.values)
        }
    }

    @Test("Replies mean the same when every byte arrives alone")
    func singleBytes() throws {
        var decoder = RESPDecoder(unfinishedBytesMax: 1024)
        var values: [RedisResult] = []
        for byte in Self.stream.utf8 { values += try decoder.decode(ByteBuffer(bytes: [byte])) }
        #expect(values.map(\.reply) == Self.values)
    }

    @Test("Bytes that are no reply are an error with a reason")
    func garbage() {
        #expect(throws: RESPDecoder.Failure.self) {
            var decoder = RESPDecoder(unfinishedBytesMax: 1024)
            _ = try decoder.decode(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n"))
        }
    }

    @Test(
        "What only RESP3 has ends the reading, and is not waited for",
        arguments: [",1.5\r\n", "#t\r\n", "*2\r\n#t\r\n:1\r\n"])
    func resp3(_ text: String) {
        var decoder = RESPDecoder(unfinishedBytesMax: 64)
        #expect(throws: RESPDecoder.Failure.self) { try decoder.decode(ByteBuffer(string: text)) }
    }

    @Test("Many replies may exceed the cap together, one may not")
    func cap() throws {
        var decoder = RESPDecoder(unfinishedBytesMax: 64)
        let many = ByteBuffer(string: String(repeating: ":1\r\n", count: 100))
        #expect(try decoder.decode(many).count == 100)
        _ = try decoder.decode(ByteBuffer(string: "$1000\r\n"))
        _ = try decoder.decode(ByteBuffer(repeating: 0x61, count: 50))
        #expect(throws: RESPDecoder.Failure.self) {
            _ = try decoder.decode(ByteBuffer(repeating: 0x61, count: 50))
        }
    }

    @Test("Bytes that are not UTF-8 are repaired")
    func invalidText() throws {
        var decoder = RESPDecoder(unfinishedBytesMax: 64)
        let replies = try decoder.decode(ByteBuffer(bytes: Array("$1\r\n".utf8) + [0xFF, 13, 10]))
        #expect(replies.map(\.reply) == [.string("\u{FFFD}")])
    }

    @Test("Commands are arrays of bulk strings, whatever their words hold")
    func encode() {
        let commands = [
            RedisCommand("SET", key: "a b", "line\r\nbreak"), RedisCommand("SET", key: "", "\u{0}🙂"),
            RedisCommand(keyless: "PING"),
        ]
        #expect(
            String(buffer: RedisPipeline(commands).bytes) == "*3\r\n$3\r\nSET\r\n$3\r\na b\r\n$11\r\nline\r\nbreak\r\n"
                + "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\n\u{0}🙂\r\n" + "*1\r\n$4\r\nPING\r\n")
    }

    @Test("A key in parts is written as the one word it is")
    func keyInParts() {
        let key = RedisKey(slot: 0, "presence:{071}:lease:", "é", ":", "Web:1:k3J9")
        var pipeline = RedisPipeline(commands: 2)
        pipeline.append("PEXPIRE", key: key, "400000")
        pipeline.append("HGETALL", key: RedisKey(slot: 0, "presence:{071}:user:", "ann"))
        let words = RedisPipeline([
            RedisCommand("PEXPIRE", key: key.description, "400000"),
            RedisCommand("HGETALL", key: "presence:{071}:user:ann"),
        ])
        #expect(key.description == "presence:{071}:lease:é:Web:1:k3J9")
        #expect(String(buffer: pipeline.bytes) == String(buffer: words.bytes))
    }

    @Test("Any command of a pipeline can be written again")
    func someOfPipeline() {
        let commands = [RedisCommand(keyless: "A", "1"), RedisCommand(keyless: "B"), RedisCommand(keyless: "C", "3")]
        let pipeline = RedisPipeline(commands)
        var some = ByteBuffer()
        for position in [2, 0] { pipeline.write(position, to: &some) }
        #expect(some == RedisPipeline([commands[2], commands[0]]).bytes)
        #expect(pipeline.isIdempotent && !RedisPipeline([commands[0], commands[1].once]).isIdempotent)
    }

    @Test(
        "A key's slot is that of its hash tag, if it has one",
        arguments: [
            ("foo", 12_182), ("{user1000}.following", 3_443), ("{user1000}.followers", 3_443), ("foo{}{bar}", 8_363),
            ("foo{{bar}}zap", 4_015), ("foo{bar}{zap}", 5_061), ("", 0),
        ])
    func slots(key: String, slot: Int) {
        #expect(HashSlot.of(key) == slot)
        #expect(RedisPipeline([RedisCommand("GET", key: key)]).slot(of: 0) == slot)
    }

    @Test(
        "The first word of an error reply decides its kind",
        arguments: [
            ("MOVED 1 a:1", RedisReplyError.Kind.moved), ("ASK 1 a:1", .ask), ("TRYAGAIN x", .tryAgain),
            ("CLUSTERDOWN x", .clusterDown), ("MASTERDOWN x", .clusterDown), ("READONLY x", .readOnly),
            ("LOADING x", .loading), ("BUSY x", .busy), ("NOREPLICAS x", .noReplicas), ("MISCONF x", .misconfigured),
            ("OOM x", .outOfMemory), ("NOSCRIPT x", .noScript), ("NOAUTH x", .authentication),
            ("WRONGPASS x", .authentication), ("NOPERM x", .noPermission), ("ERR OOM", .other), ("", .other),
        ])
    func kinds(message: String, kind: RedisReplyError.Kind) {
        #expect(RedisReplyError(message: message).kind == kind)
    }

    @Test("A script is known by the SHA-1 of its source")
    func digest() {
        #expect(RedisScript(name: "one", source: "return 1").sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
    }
}

extension RedisResult {
    /// As it was read.
    fileprivate var reply: RedisValue? {
        switch self {
        case .success(let value): value
        case .failure(let error): (error.underlying as? RedisReplyError).map { .error($0) }
        }
    }
}
