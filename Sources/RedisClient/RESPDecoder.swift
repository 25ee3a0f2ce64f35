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
    private let unfinishedBytesMax: Int
    /// Bytes fed since the last complete reply.
    private var unfinishedBytes = 0

    init(unfinishedBytesMax: Int) {
        guard let reader = redisReaderCreate() else {
            preconditionFailure("hiredis creates a reader unless memory is exhausted")
        }
        self.reader = reader
        self.unfinishedBytesMax = unfinishedBytesMax
    }

    deinit { redisReaderFree(reader) }

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
        var reply: UnsafeMutablePointer<redisReply>?
        guard hiredisNextReply(reader, &reply) == REDIS_OK else { throw failure }
        guard let reply else { return nil }
        defer { freeReplyObject(reply) }
        return try RedisValue(reply.pointee)
    }

    private var failure: Failure {
        withUnsafeBytes(of: reader.pointee.errstr) { text in
            Failure(reason: String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))
        }
    }
}

extension RedisValue {
    fileprivate init(_ reply: redisReply) throws(RESPDecoder.Failure) {
        switch reply.type {
        case REDIS_REPLY_NIL: self = .null
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: self = .string(reply.text)
        case REDIS_REPLY_ERROR: self = .error(RedisReplyError(message: reply.text))
        case REDIS_REPLY_ARRAY:
            var values: [RedisValue] = []
            values.reserveCapacity(reply.elements)
            for element in UnsafeBufferPointer(start: reply.element, count: reply.elements) {
                guard let element else { throw RESPDecoder.Failure(reason: "an array lacks an element") }
                values.append(try RedisValue(element.pointee))
            }
            self = .array(values)
        default: throw RESPDecoder.Failure(reason: "a reply has type \(reply.type), which RESP2 does not know")
        }
    }
}

extension redisReply {
    fileprivate var text: String {
        String(decoding: UnsafeRawBufferPointer(start: str, count: len), as: UTF8.self)
    }
}
