import NIOCore
import NIOPosix
import Synchronization

/// Stands between a client and a redis-server on a unix socket, and knows where commands begin and end: it fails the
/// Nth that it is given, or lets something happen before it.
final class CommandProxy: Sendable {
    enum Fault: Sendable {
        /// The command does not reach the server, and the connection ends.
        case before
        /// The command is executed, its reply is dropped, and the connection ends.
        case after
        /// The command, its words, waits until this is done.
        case meanwhile(@Sendable ([String]) async throws -> Void)
    }

    private struct State {
        var fault: Fault?
        /// Commands that still pass.
        var left = 0
        var isFired = false
    }

    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let socketPath: String
    private let serverPath: String
    private let state = Mutex(State())

    private init(socketPath: String, serverPath: String) {
        self.socketPath = socketPath
        self.serverPath = serverPath
    }

    /// Fails a command to come, the first for 1. What a client says of itself does not count.
    func fail(_ number: Int, _ fault: Fault) {
        state.withLock { $0 = State(fault: fault, left: number - 1) }
    }

    /// Whether it did; from now on everything passes.
    func disarm() -> Bool {
        state.withLock { state in
            defer { state = State() }
            return state.isFired
        }
    }

    /// Runs the body beside a proxy to the server on this socket.
    static func with<Result: Sendable>(
        to serverPath: String, _ body: (CommandProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = CommandProxy(socketPath: serverPath + ".proxy", serverPath: serverPath)
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelOption(.autoRead, value: false)
            .bind(unixDomainSocketPath: proxy.socketPath, cleanupExistingSocketFile: true) { channel in
                channel.eventLoop.makeCompletedFuture { channel }
            }
        return try await withThrowingTaskGroup { group in
            group.addTask {
                try await listener.executeThenClose { connections in
                    try await withThrowingDiscardingTaskGroup { group in
                        for try await connection in connections { group.addTask { try? await proxy.relay(connection) } }
                    }
                }
            }
            defer { group.cancelAll() }
            return try await body(proxy)
        }
    }

    private func takeFault(of command: RESPFrame) -> Fault? {
        state.withLock { state in
            guard let fault = state.fault, !state.isFired, !command.isGreeting else { return nil }
            guard state.left == 0 else {
                state.left -= 1
                return nil
            }
            state.isFired = true
            return fault
        }
    }

    private func relay(_ channel: any Channel) async throws {
        let client = try await channel.eventLoop.submit {
            let client = try Connection(wrappingChannelSynchronously: channel)
            try channel.syncOptions?.setOption(.autoRead, value: true)
            return client
        }.get()
        try await client.executeThenClose { requests, toClient in
            let server = try await ClientBootstrap(group: client.channel.eventLoop)
                .connect(unixDomainSocketPath: serverPath) { channel in
                    channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
                }
            try await server.executeThenClose { replies, toServer in
                let course = Course()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await self.forward(requests, to: toServer, course) }
                    group.addTask { try await Self.giveBack(replies, to: toClient, course) }
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
        }
    }

    /// How far a connection has come, and where it ends.
    private final class Course: Sendable {
        struct Counts {
            var sent = 0
            var answered = 0
            var endsAt: Int?
            var dropsLast = false
        }

        let counts = Mutex(Counts())

        func sent() { counts.withLock { $0.sent += 1 } }

        /// It ends with the reply to the last command that was sent.
        /// - Returns: whether all is answered already.
        func end(dropsLast: Bool) -> Bool {
            counts.withLock { counts in
                (counts.endsAt, counts.dropsLast) = (counts.sent, dropsLast)
                return counts.answered == counts.sent
            }
        }

        /// - Returns: whether the reply is given back, and whether it was the last.
        func answered() -> (isGiven: Bool, isLast: Bool) {
            counts.withLock { counts in
                counts.answered += 1
                let isLast = counts.answered == counts.endsAt
                return (!(isLast && counts.dropsLast), isLast)
            }
        }
    }

    private func forward(
        _ requests: NIOAsyncChannelInboundStream<ByteBuffer>, to server: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        _ course: Course
    ) async throws {
        var received = ByteBuffer()
        for try await bytes in requests {
            received.writeImmutableBuffer(bytes)
            while let command = RESPFrame(takenFrom: &received) {
                switch takeFault(of: command) {
                case .before:
                    if course.end(dropsLast: false) { return }
                    return try await Task.sleep(for: .seconds(60))
                case .after:
                    course.sent()
                    _ = course.end(dropsLast: true)
                    try await server.write(command.bytes)
                    return try await Task.sleep(for: .seconds(60))
                case .meanwhile(let happening): try await happening(command.words)
                case nil: break
                }
                course.sent()
                try await server.write(command.bytes)
            }
        }
    }

    private static func giveBack(
        _ replies: NIOAsyncChannelInboundStream<ByteBuffer>, to client: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        _ course: Course
    ) async throws {
        var received = ByteBuffer()
        for try await bytes in replies {
            received.writeImmutableBuffer(bytes)
            while let reply = RESPFrame(takenFrom: &received) {
                let (isGiven, isLast) = course.answered()
                if isGiven { try await client.write(reply.bytes) }
                if isLast { return }
            }
        }
    }
}

/// One command, or one reply, as it stands in the bytes.
struct RESPFrame {
    let bytes: ByteBuffer

    /// Takes the first out; nil while it is incomplete.
    init?(takenFrom buffer: inout ByteBuffer) {
        guard let length = Self.length(buffer.readableBytesView[...]), let bytes = buffer.readSlice(length: length)
        else {
            return nil
        }
        self.bytes = bytes
        buffer.discardReadBytes()
    }

    /// What a client says when it connects.
    var isGreeting: Bool {
        let text = String(buffer: bytes)
        return ["\r\nCLIENT\r\n", "\r\nROLE\r\n", "\r\nPING\r\n", "\r\nAUTH\r\n"].contains { text.contains($0) }
    }

    /// The words of a command.
    var words: [String] {
        var (rest, words): (ByteBuffer, [String]) = (bytes, [])
        _ = rest.readLine()
        while let length = rest.readLine().flatMap({ Int($0.dropFirst()) }), let word = rest.readString(length: length)
        {
            words.append(word)
            _ = rest.readLine()
        }
        return words
    }

    private static func length(_ bytes: ByteBufferView) -> Int? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), let kind = bytes.first else { return nil }
        let line = end + 1 - bytes.startIndex
        let count = Int(String(decoding: bytes[(bytes.startIndex + 1)..<(end - 1)], as: UTF8.self)) ?? 0
        switch kind {
        case UInt8(ascii: "$"):
            let length = count < 0 ? line : line + count + 2
            return bytes.count >= length ? length : nil
        case UInt8(ascii: "*"):
            var length = line
            for _ in 0..<max(0, count) {
                guard let element = Self.length(bytes[(bytes.startIndex + length)...]) else { return nil }
                length += element
            }
            return length
        default: return line
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func readLine() -> String? {
        guard let end = readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        return readString(length: end + 1 - readerIndex).map { String($0.utf8.dropLast(2)) ?? "" }
    }
}
