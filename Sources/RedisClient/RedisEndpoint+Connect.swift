import NIOCore
import NIOPosix

extension RedisEndpoint {
    /// Opens a connection to the server. The handler belongs to the event loop.
    func connect(
        on eventLoop: any EventLoop, timeout: Duration, handler: @escaping @Sendable () -> ReplyHandler
    ) async throws -> any Channel {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(timeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler()) }
            }
        return switch address {
        case .tcp(let host, let port): try await bootstrap.connect(host: host, port: port).get()
        case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
        }
    }

    /// The commands that introduce a new connection.
    func greeting(clientName: String) -> [RedisCommand] {
        var commands: [RedisCommand] = []
        if let password {
            commands.append(RedisCommand(keyless: "AUTH", [user, password].compactMap(\.self)))
        }
        if database != 0 { commands.append(RedisCommand(keyless: "SELECT", String(database))) }
        // A server with too many clients answers the first command with that and hangs up: PING tells.
        return commands + [RedisCommand(keyless: "CLIENT", "SETNAME", clientName), RedisCommand(keyless: "PING")]
    }

    /// Why a greeting that was answered so cannot be worked with; nil if it can. A name that was refused does no harm.
    func refusal(of greeting: [RedisCommand], answered values: [RedisValue]) -> RedisError? {
        for (command, value) in zip(greeting, values) {
            guard let error = value.error else { continue }
            switch (command.words[0], error.kind) {
            case (_, .authentication), ("AUTH", _):
                let kind = RedisReplyError.Kind.authentication
                return RedisError(.rejected(kind), kind.advice, underlying: error)
            case ("SELECT", _):
                return RedisError(
                    .invalidConfiguration,
                    "Redis refused database \(database). Name one in redis.url that exists, and add +select to its user's ACL.",
                    underlying: error)
            default: continue
            }
        }
        return nil
    }
}
