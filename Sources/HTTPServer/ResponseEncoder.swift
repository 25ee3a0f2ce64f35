import NIOCore
import NIOHTTP1

/// Answers as bytes: a head, and a short body behind it, in one buffer.
enum ResponseEncoder {
    /// A body up to this size is copied behind its head; a longer one goes out beside it.
    private static let copiedBytesMax = 16 << 10

    static func buffers(
        _ response: HTTPServerResponse, _ form: ConnectionState.Form, date: ByteBuffer,
        allocator: ByteBufferAllocator
    ) -> (head: ByteBuffer, body: ByteBuffer?) {
        let body: ByteBuffer? = if case .bytes(let bytes) = response.body { bytes } else { nil }
        let bodyBytes = form.isToHEAD ? 0 : body?.readableBytes ?? 0
        let isCopied = bodyBytes <= copiedBytesMax
        var head = allocator.buffer(capacity: headBytes(response) + (isCopied ? bodyBytes : 0))
        head.writeStatusLine(response.status)
        head.writeImmutableBuffer(date)
        for (name, value) in response.headers { head.writeField(name, value) }
        if let body {
            if response.status.mayHaveResponseBody {
                head.writeStaticString("Content-Length: ")
                head.writeDecimal(body.readableBytes)
                head.writeStaticString("\r\n")
            }
        } else if !form.isHTTP10 {
            head.writeStaticString("Transfer-Encoding: chunked\r\n")
        }
        if form.isLast { head.writeStaticString("Connection: close\r\n") }
        head.writeStaticString("\r\n")
        guard let body, bodyBytes > 0, response.status.mayHaveResponseBody else { return (head, nil) }
        guard isCopied else { return (head, body) }
        head.writeImmutableBuffer(body)
        return (head, nil)
    }

    /// Room for the head.
    private static func headBytes(_ response: HTTPServerResponse) -> Int {
        response.headers.reduce(160) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
    }

    static func switchingProtocols(_ upgrade: HTTPServerUpgrade, allocator: ByteBufferAllocator) -> ByteBuffer {
        var head = allocator.buffer(capacity: 256)
        head.writeStatusLine(.switchingProtocols)
        head.writeStaticString("Connection: Upgrade\r\n")
        for (name, value) in upgrade.headers { head.writeField(name, value) }
        head.writeStaticString("\r\n")
        return head
    }

    static let `continue` = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")
    static let lastChunk = ByteBuffer(string: "0\r\n\r\n")

    static func chunk(_ bytes: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        let size = String(bytes.readableBytes, radix: 16)
        var chunk = allocator.buffer(capacity: bytes.readableBytes + size.utf8.count + 4)
        chunk.writeString(size)
        chunk.writeStaticString("\r\n")
        chunk.writeImmutableBuffer(bytes)
        chunk.writeStaticString("\r\n")
        return chunk
    }
}

extension ByteBuffer {
    fileprivate mutating func writeStatusLine(_ status: HTTPResponseStatus) {
        switch status {
        case .ok: writeStaticString("HTTP/1.1 200 OK\r\n")
        case .created: writeStaticString("HTTP/1.1 201 Created\r\n")
        default: writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n")
        }
    }

    /// A value with a line break in it would forge fields.
    fileprivate mutating func writeField(_ name: String, _ value: String) {
        guard !value.utf8.contains(where: { $0 < 0x20 }) else {
            preconditionFailure("the value of \(name) has control characters")
        }
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
    }

    fileprivate mutating func writeDecimal(_ number: Int) {
        // Few digits: they stay within the string itself and cost no allocation.
        writeString(String(number))
    }
}
