import CHiredis
import NIOCore

/// Reads replies out of the bytes of one connection, however they are split.
///
/// After an error the bytes have lost their meaning: the connection must be closed.
struct RESPDecoder: ~Copyable {
    struct Failure: Error {
        let reason: String
    }

    private let reader: UnsafeMutablePointer<redisReader>
    private let sink: UnsafeMutablePointer<hiredisSink>
    private let builder = ReplyBuilder()
    private let unfinishedBytesMax: Int
    /// Bytes fed since the last complete reply.
    private var unfinishedBytes = 0

    init(unfinishedBytesMax: Int) {
        sink = .allocate(capacity: 1)
        sink.initialize(to: builder.sink)
        guard let reader = hiredisReader(sink) else {
            preconditionFailure("hiredis creates a reader unless memory is exhausted")
        }
        self.reader = reader
        self.unfinishedBytesMax = unfinishedBytesMax
    }

    deinit {
        redisReaderFree(reader)
        sink.deallocate()
    }

    /// Takes the bytes that arrived and returns the replies they complete.
    mutating func decode(_ bytes: ByteBuffer) throws(Failure) -> [RedisValue] {
        try feed(bytes)
        var values: [RedisValue] = []
        while let value = try next() {
            values.append(value)
            unfinishedBytes = 0
        }
        guard unfinishedBytes <= unfinishedBytesMax else {
            throw Failure(reason: "a reply is longer than \(unfinishedBytesMax) bytes")
        }
        return values
    }

    private mutating func feed(_ bytes: ByteBuffer) throws(Failure) {
        unfinishedBytes += bytes.readableBytes
        let fed = bytes.withUnsafeReadableBytes { raw in
            redisReaderFeed(reader, raw.assumingMemoryBound(to: CChar.self).baseAddress, raw.count)
        }
        guard fed == REDIS_OK else { throw failure }
    }

    private func next() throws(Failure) -> RedisValue? {
        var isComplete: CInt = 0
        guard hiredisRead(reader, &isComplete) == REDIS_OK else { throw failure }
        guard isComplete != 0 else { return nil }
        guard let value = builder.take() else { throw Failure(reason: "a reply lacks a part RESP2 knows") }
        return value
    }

    private var failure: Failure {
        withUnsafeBytes(of: reader.pointee.errstr) { text in
            Failure(reason: String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))
        }
    }
}

/// Builds the values hiredis reads, as it reads them. hiredis limits how deep arrays may stand in each other.
private final class ReplyBuilder {
    /// Arrays that lack elements, the outermost first.
    private var open: [(lacking: Int, values: [RedisValue])] = []
    private var complete: RedisValue?

    /// To be used only as long as the builder lives.
    var sink: hiredisSink {
        hiredisSink(
            context: Unmanaged.passUnretained(self).toOpaque(),
            text: { context, type, bytes, length in
                let text = String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
                ReplyBuilder.of(context)
                    .add(type == REDIS_REPLY_ERROR ? .error(RedisReplyError(message: text)) : .string(text))
            },
            integer: { context, value in ReplyBuilder.of(context).add(.integer(value)) },
            null: { context in ReplyBuilder.of(context).add(.null) },
            array: { context, count in ReplyBuilder.of(context).begin(count) })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> ReplyBuilder {
        guard let context else { preconditionFailure("a sink has the builder it was made of") }
        return Unmanaged<ReplyBuilder>.fromOpaque(context).takeUnretainedValue()
    }

    /// The value that is complete; nil if hiredis took for whole what is not.
    func take() -> RedisValue? {
        defer { complete = nil }
        return open.isEmpty ? complete : nil
    }

    private func begin(_ count: Int) {
        guard count > 0 else { return add(.array([])) }
        open.append((lacking: count, values: []))
        open[open.count - 1].values.reserveCapacity(min(count, Self.reservedMax))
    }

    /// The length of an array is the server's word.
    private static let reservedMax = 4_096

    private func add(_ value: RedisValue) {
        var value = value
        while !open.isEmpty {
            open[open.count - 1].values.append(value)
            open[open.count - 1].lacking -= 1
            guard open[open.count - 1].lacking == 0 else { return }
            value = .array(open.removeLast().values)
        }
        complete = value
    }
}
