import NIOCore
import NIOPosix
import RedisClient

extension RedisServer {
    /// The reply to one command, sent through the server's own socket: whatever its role is and whoever owns the key.
    /// - Throws: `RedisReplyError` for an error reply; `TimedOut` when 5 s bring none, as of a server that is paused.
    @discardableResult
    package nonisolated func command(_ words: String...) async throws -> RedisValue {
        try await command(words)
    }

    @discardableResult
    package nonisolated func command(_ words: [String]) async throws -> RedisValue {
        let value = try await commands(words).last ?? .null
        if case .error(let error) = value { throw error }
        return value
    }

    /// The replies to commands sent over one connection, such as ASKING and what it is for.
    package nonisolated func commands(_ commands: [String]...) async throws -> [RedisValue] {
        try await replies(toAll: commands)
    }

    /// The same of any number of commands.
    package nonisolated func replies(toAll commands: [[String]]) async throws -> [RedisValue] {
        if commands.isEmpty { return [] }
        let login = setup.password.map { [["AUTH", $0]] } ?? []
        return Array(try await replies(to: login + commands).dropFirst(login.count))
    }

    /// A field of INFO, such as `master_link_status`.
    package nonisolated func info(_ field: String) async throws -> String? {
        let lines = try await command("INFO").string?.split(separator: "\r\n") ?? []
        return lines.first { $0.hasPrefix("\(field):") }.map { String($0.dropFirst(field.count + 1)) }
    }

    private nonisolated func replies(to commands: [[String]]) async throws -> [RedisValue] {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(unixDomainSocketPath: socketPath) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let timeout = channel.channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.channel.close(promise: nil) }
        defer { timeout.cancel() }
        return try await channel.executeThenClose { inbound, outbound in
            for command in commands { try await outbound.write(ByteBuffer(command: command)) }
            var received = ByteBuffer()
            for try await bytes in inbound {
                received.writeImmutableBuffer(bytes)
                if let replies = received.replies(commands.count) { return replies }
            }
            throw TimedOut(description: "no reply to \(commands.last ?? []) from the server on port \(port)")
        }
    }
}

extension ByteBuffer {
    fileprivate init(command words: [String]) {
        self.init(string: "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined())
    }

    /// So many replies from the start; nil while one is incomplete.
    fileprivate func replies(_ count: Int) -> [RedisValue]? {
        var rest = self
        return rest.readReplies(count)
    }

    private mutating func readReplies(_ count: Int) -> [RedisValue]? {
        var replies: [RedisValue] = []
        for _ in 0..<count {
            guard let reply = readReply() else { return nil }
            replies.append(reply)
        }
        return replies
    }

    private mutating func readReply() -> RedisValue? {
        guard let end = readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
            let line = readString(length: end + 1 - readerIndex)?.dropLast()
        else { return nil }
        let text = String(line.dropFirst())
        let count = Int(text) ?? 0
        switch line.first {
        case "+": return .string(text)
        case "-": return .error(RedisReplyError(message: text))
        case ":": return .integer(Int64(count))
        case _ where count < 0: return .null
        case "$":
            guard readableBytes >= count + 2 else { return nil }
            return readString(length: count + 2).map { .string(String($0.utf8.prefix(count)) ?? "") }
        default: return readReplies(count).map { .array($0) }
        }
    }
}
