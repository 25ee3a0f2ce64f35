import Logging
import Logs
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Opens connections to servers, and knows what introduces us on them.
struct RedisConnector: Sendable {
    typealias Handler = @Sendable () -> ReplyHandler

    let endpoint: RedisEndpoint
    let options: RedisClientOptions
    let secured: Renewed<RedisTLS.Secured>
    /// The endpoint as it was read last, where its logins can change; else nil.
    private let renewed: Renewed<RedisEndpoint>?
    private let proofs = (servers: ProtocolProof(), sentinels: ProtocolProof())
    private var isOfSentinels = false

    var proof: ProtocolProof { isOfSentinels ? proofs.sentinels : proofs.servers }

    init(endpoint: RedisEndpoint, options: RedisClientOptions, logger: Logger) {
        self.endpoint = endpoint
        self.options = options
        let warnings = PacedWarnings<RenewalWarning>(logger)
        secured = Renewed(nil, complaint: .tlsFiles, warnings) { latest in try options.tls.secured(latest) }
        renewed = options.endpointAnew.map { read in
            Renewed(endpoint, complaint: .login, warnings) { _ in
                let latest = try read()
                if !latest.isLike(endpoint) { warnings.happened(.otherServers) }
                return latest
            }
        }
    }

    /// The same for the sentinels of this Redis.
    var ofSentinels: RedisConnector {
        var connector = self
        connector.isOfSentinels = true
        return connector
    }

    /// Opens a connection, in TLS where the endpoint says so. The handler belongs to the event loop.
    func connect(
        to address: RedisAddress, on eventLoop: any EventLoop, handler: @escaping Handler
    ) async throws(RedisError) -> RedisTransport {
        if endpoint.isEncrypted { return try await connectInTLS(to: address, on: eventLoop, handler: handler) }
        return try await open(address, on: eventLoop, handler: handler)
    }

    func open(
        _ address: RedisAddress, tls: (context: NIOSSLContext, name: String?)? = nil, on eventLoop: any EventLoop,
        handler: @escaping Handler
    ) async throws(RedisError) -> RedisTransport {
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(TimeAmount(options.commandDeadline))
        let configure: @Sendable (any Channel) -> EventLoopFuture<RedisTransport> = { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                var handshake: TLSHandshake?
                if let tls {
                    try pipeline.addHandler(NIOSSLClientHandler(context: tls.context, serverHostname: tls.name))
                    let waiting = TLSHandshake(on: channel.eventLoop)
                    try pipeline.addHandler(waiting)
                    handshake = waiting
                }
                try pipeline.addHandler(handler())
                return RedisTransport(channel: channel, address: address, handshake: handshake)
            }
        }
        do {
            return switch address {
            case .tcp(let host, let port):
                try await bootstrap.connect(host: host, port: port, channelInitializer: configure)
            case .unix(let path):
                try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: configure)
            }
        } catch {
            throw .unreachable(error)
        }
    }

    /// Sends commands on a connection of their own and returns their replies.
    func ask(
        _ address: RedisAddress, _ commands: [RedisCommand], greeting: RedisGreeting, on eventLoop: any EventLoop
    ) async throws(RedisError) -> [RedisValue] {
        var values: [RedisValue] = []
        for answer in try await results(of: commands, at: address, greeting: greeting, on: eventLoop) {
            values.append(try answer.get())
        }
        return values
    }

    /// The same, where each command has an outcome of its own.
    func results(
        of commands: [RedisCommand], at address: RedisAddress, greeting: RedisGreeting, on eventLoop: any EventLoop
    ) async throws(RedisError) -> [RedisResult] {
        let words = greeting.commands + commands
        let (answers, transport) = try await answers(to: words) { handler throws(RedisError) in
            try await connect(to: address, on: eventLoop, handler: handler)
        }
        guard answers.count >= words.count else { throw await cause(of: .unreachable, on: transport) }
        proof.given()
        if let refusal = greeting.refusal(answers: answers) { throw refusal }
        return Array(answers[greeting.commands.count..<words.count])
    }

    /// Sends the commands over a connection of their own.
    /// - Returns: their answers; fewer if the connection was lost, or the command deadline came first.
    func answers(
        to commands: [RedisCommand], over connect: (@escaping Handler) async throws(RedisError) -> RedisTransport
    ) async throws(RedisError) -> (answers: [RedisResult], transport: RedisTransport) {
        let (replies, delivery) = AsyncStream<[RedisResult]>.makeStream()
        let transport = try await connect { [options] in
            ReplyHandler(replyBytesMax: options.replyBytesMax, logger: .silent) { delivery.yield($0) }
        }
        let channel = transport.channel
        channel.closeFuture.whenComplete { _ in delivery.finish() }
        let timer = channel.eventLoop.scheduleTask(in: TimeAmount(options.commandDeadline)) { transport.close() }
        defer {
            timer.cancel()
            transport.close()
        }
        channel.writeAndFlush(RedisPipeline(commands).bytes, promise: nil)
        var answers: [RedisResult] = []
        for await arrived in replies {
            answers += arrived
            if answers.count >= commands.count { break }
        }
        return (answers, transport)
    }

    /// What is said first on a new connection.
    /// - Parameter mustBeMaster: a server that is none is left at once: another one is.
    func greeting(mustBeMaster: Bool) async -> RedisGreeting {
        let latest = (try? await renewed?.value()) ?? endpoint
        return RedisGreeting(
            login: isOfSentinels ? latest.sentinelLogin : latest.login,
            database: isOfSentinels ? 0 : endpoint.database, clientName: options.clientName, mustBeMaster: mustBeMaster)
    }
}

extension Logger {
    /// For connections whose failures are told by those who asked.
    static var silent: Logger { Logger(label: "redis", factory: { _ in SwiftLogNoOpLogHandler() }) }
}

/// Whether a server has ever answered to the way it is spoken to, in TLS or not: then that is the right one.
final class ProtocolProof: Sendable {
    private let flag = Atomic(false)

    var isGiven: Bool { flag.load(ordering: .relaxed) }

    func given() { flag.store(true, ordering: .relaxed) }
}

extension RedisEndpoint {
    /// Whether they are the same, but for the logins.
    package func isLike(_ other: RedisEndpoint) -> Bool {
        var same = other
        (same.login, same.sentinelLogin) = (login, sentinelLogin)
        return self == same
    }
}
