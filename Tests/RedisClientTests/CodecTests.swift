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
            #expect(head + tail == Self.values)
        }
    }

    @Test("Replies mean the same when every byte arrives alone")
    func singleBytes() throws {
        var decoder = RESPDecoder(unfinishedBytesMax: 1024)
        var values: [RedisValue] = []
        for byte in Self.stream.utf8 { values += try decoder.decode(ByteBuffer(bytes: [byte])) }
        #expect(values == Self.values)
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
        #expect(try decoder.decode(ByteBuffer(bytes: Array("$1\r\n".utf8) + [0xFF, 13, 10])) == [.string("\u{FFFD}")])
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
        let key = RedisKey("presence:{071}:lease:", "é", ":", "Web:1:k3J9")
        var pipeline = RedisPipeline(commands: 2)
        pipeline.append("PEXPIRE", key: key, "400000")
        pipeline.append("HGETALL", key: RedisKey("presence:{071}:user:", "ann"))
        let words = RedisPipeline([
            RedisCommand("PEXPIRE", key: key.description, "400000"),
            RedisCommand("HGETALL", key: "presence:{071}:user:ann"),
        ])
        #expect(key.description == "presence:{071}:lease:é:Web:1:k3J9")
        #expect(String(buffer: pipeline.bytes) == String(buffer: words.bytes))
    }

    @Test("The commands of a pipeline can be sent again one by one, and none that must not be")
    func someOfPipeline() {
        let commands = [RedisCommand(keyless: "A", "1"), RedisCommand(keyless: "B"), RedisCommand(keyless: "C", "3")]
        let some = RedisPipeline(commands).commands(at: [0, 2])
        #expect(String(buffer: some.bytes) == String(buffer: RedisPipeline([commands[0], commands[2]]).bytes))
        #expect(some.isIdempotent)
        #expect(!RedisPipeline([commands[0], commands[1].once]).commands(at: [0]).isIdempotent)
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
