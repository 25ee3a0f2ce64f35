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
    private let builder: UnsafeMutablePointer<ReplyBuilder>
    private let unfinishedBytesMax: Int
    /// Bytes fed since the last complete reply.
    private var unfinishedBytes = 0

    init(unfinishedBytesMax: Int) {
        builder = .allocate(capacity: 1)
        builder.initialize(to: ReplyBuilder())
        sink = .allocate(capacity: 1)
        sink.initialize(to: ReplyBuilder.sink(builder))
        guard let reader = hiredisReader(sink) else {
            preconditionFailure("hiredis creates a reader unless memory is exhausted")
        }
        self.reader = reader
        self.unfinishedBytesMax = unfinishedBytesMax
    }

    deinit {
        redisReaderFree(reader)
        sink.deallocate()
        builder.deinitialize(count: 1)
        builder.deallocate()
    }

    /// Takes the bytes that arrived and returns the replies they complete.
    mutating func decode(_ bytes: ByteBuffer) throws(Failure) -> [RedisResult] {
        try feed(bytes)
        var replies: [RedisResult] = []
        while let value = try next() {
            replies.append(RedisResult(reply: value))
            unfinishedBytes = 0
        }
        guard unfinishedBytes <= unfinishedBytesMax else {
            throw Failure(reason: "a reply is longer than \(unfinishedBytesMax) bytes")
        }
        return replies
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
        guard let value = builder.pointee.take() else { throw Failure(reason: "a reply lacks a part RESP2 knows") }
        return value
    }

    private var failure: Failure {
        withUnsafeBytes(of: reader.pointee.errstr) { text in
            Failure(reason: String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))
        }
    }
}

/// Builds the values hiredis reads, as it reads them. hiredis limits how deep arrays may stand in each other.
private struct ReplyBuilder {
    /// Arrays that lack elements, the outermost first.
    private var open: [(lacking: Int, values: [RedisValue])] = []
    private var complete: RedisValue?

    /// Builds what is read into the builder at this place, for as long as there is one.
    static func sink(_ builder: UnsafeMutablePointer<ReplyBuilder>) -> hiredisSink {
        hiredisSink(
            context: builder,
            text: { context, type, bytes, length in
                let text = String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
                ReplyBuilder.at(context)
                    .pointee.add(type == REDIS_REPLY_ERROR ? .error(RedisReplyError(message: text)) : .string(text))
            },
            integer: { context, value in ReplyBuilder.at(context).pointee.add(.integer(value)) },
            null: { context in ReplyBuilder.at(context).pointee.add(.null) },
            array: { context, count in ReplyBuilder.at(context).pointee.begin(count) })
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<ReplyBuilder> {
        guard let context else { preconditionFailure("a sink has the builder it was made of") }
        return context.assumingMemoryBound(to: ReplyBuilder.self)
    }

    /// The value that is complete; nil if hiredis took for whole what is not.
    mutating func take() -> RedisValue? {
        defer { complete = nil }
        return open.isEmpty ? complete : nil
    }

    private mutating func begin(_ count: Int) {
        guard count > 0 else { return add(.array([])) }
        open.append((lacking: count, values: []))
        open[open.count - 1].values.reserveCapacity(min(count, Self.reservedMax))
    }

    /// The length of an array is the server's word.
    private static let reservedMax = 4_096

    private mutating func add(_ value: RedisValue) {
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
