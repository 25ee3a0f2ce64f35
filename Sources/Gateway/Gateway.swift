// Gateway: clients' connections.
//
// Promises: a client's session is disconnected at once when its socket closes, left to its lease when it falls
// silent or the worker stops, and told within a second when it is forced offline through any worker. A heartbeat is
// acknowledged only when Redis has it. What a client can make a worker keep or do has a limit in `GatewayLimits` or
// `GatewayOptions`; whoever breaks RFC 6455 or the protocol is told with a close code and costs only its own socket.
// Does not: decide who may be logged in beside whom, end TLS, carry messages between clients.

import Crypto
import Foundation
import HTTPServer
import Logging
import Logs
import NIOCore
import NIOHTTP1
import PresenceCore
import PresenceProtocol
import PresenceStore
import ServiceLifecycle
import Telemetry

/// Serves the WebSocket connections of one worker.
package final class Gateway: Service {
    private let store: PresenceStore
    private let access: Replaceable<ClientAccess>
    private let options: GatewayOptions
    private let logger: Logger
    private let admission: Admission
    private let figures: GatewayFigures
    private let loops: [GatewayLoop]
    private let loopIndices: [ObjectIdentifier: Int]

    /// - Parameters:
    ///   - eventLoopGroup: the one whose loops the connections belong to.
    ///   - executor: runs tasks on an event loop.
    package init(
        store: PresenceStore, tokens: ClientTokens, options: GatewayOptions, eventLoopGroup: any EventLoopGroup,
        executor: (any EventLoop) -> any TaskExecutor, instruments: Instruments = .none, logger: Logger
    ) {
        self.store = store
        access = Replaceable(ClientAccess(tokens: tokens, origins: options.origins))
        self.options = options
        self.logger = logger
        admission = Admission(options, logger: logger)
        let eventLoops = Array(eventLoopGroup.makeIterator())
        let sessions = ClientSessions(store: store, logger: logger)
        figures = GatewayFigures(instruments, store.platforms)
        loops = eventLoops.enumerated().map { [admission, figures] index, eventLoop in
            GatewayLoop(
                eventLoop, index: index, of: eventLoops.count, executor: executor(eventLoop), admission: admission,
                sessions: sessions, figures: figures, logger: logger)
        }
        figures.watch(loops)
        loopIndices = Dictionary(
            eventLoops.enumerated().map { (ObjectIdentifier($0.element), $0.offset) },
            uniquingKeysWith: { first, _ in first })
    }

    /// From now on these count for whoever comes; who is connected stays so.
    package func use(_ tokens: ClientTokens, origins: [String]) {
        access.replace(with: ClientAccess(tokens: tokens, origins: origins))
    }

    /// Hears what other workers and operators do to the sessions served here. Told to stop, which must be after the
    /// server stopped accepting, it closes the connections over the drain window, and returns when all are closed.
    package func run() async {
        await withDiscardingTaskGroup { group in
            // What is heard meanwhile does not wait for it.
            let (gaps, gap) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
            group.addTask { for await _ in gaps { await self.checkSessions() } }
            for await notice in store.notices().cancelOnGracefulShutdown() {
                if let notice { await loops[notice.link % loops.count].tell(notice) } else { gap.yield() }
            }
            gap.finish()
            group.cancelAll()
        }
        for loop in loops { await loop.stop(over: options.drainMs) }
        for loop in loops {
            while await !loop.isIdle, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
        }
    }

    /// Notices may have been missed until now.
    private func checkSessions() async {
        for loop in loops {
            guard let error = await loop.checkSessions() else { continue }
            logger.warning(
                "Sessions that ended meanwhile are found at their next heartbeat",
                metadata: .keyed([.error: "\(error)"]))
        }
    }
}

// From a request to a connection.
extension Gateway {
    /// What a request becomes that is a WebSocket handshake in full, for our path (RFC 6455, section 4.2.1).
    package func upgrade(for request: HTTPServerRequest) -> HTTPServerUpgrade? {
        func has(_ name: String, _ value: String) -> Bool {
            request.headers[canonicalForm: name].contains { $0.lowercased() == value }
        }
        guard request.offersUpgrade, request.method == .GET, request.path == ConnectQuery.path,
            has("upgrade", "websocket"), request.headers["sec-websocket-version"] == ["13"],
            let key = Self.key(request.headers["sec-websocket-key"])
        else { return nil }
        var headers = [(name: "Upgrade", value: "websocket"), ("Sec-WebSocket-Accept", Self.accept(key))]
        if request.headers[canonicalForm: "sec-websocket-protocol"].contains(where: {
            $0 == ConnectQuery.subprotocol
        }) {
            headers.append(("Sec-WebSocket-Protocol", ConnectQuery.subprotocol))
        }
        return HTTPServerUpgrade(headers: headers) { try self.adopt($0, $1, request) }
    }

    /// 16 bytes in base64, given once.
    private static func key(_ values: [String]) -> String? {
        values.count == 1 && Data(base64Encoded: values[0])?.count == 16 ? values[0] : nil
    }

    /// The proof that the handshake was understood (RFC 6455, section 1.3).
    private static func accept(_ key: String) -> String {
        let text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        return Data(Insecure.SHA1.hash(data: Data(text.utf8))).base64EncodedString()
    }

    private func adopt(_ channel: any Channel, _ timer: LazyTimer, _ request: HTTPServerRequest) throws {
        guard let index = loopIndices[ObjectIdentifier(channel.eventLoop)] else {
            preconditionFailure("the gateway is made with the event loops of the server")
        }
        let loop = loops[index]
        let parameters = Result { () throws(InvalidInput) in try ConnectRequest.Parameters(request.query) }
        let isStopping = loop.assumeIsolated { $0.isStopping }
        let address = clientAddress(of: channel, request.headers)
        let access = access.current
        let entry = Result { () throws(Refusal) in
            try enter(address, parameters, request.headers, access, isStopping: isStopping)
        }
        if case .failure(let refusal) = entry {
            let origin = request.headers.first(name: "origin").map { String($0.prefix(GatewayLimits.originLoggedMax)) }
            admission.tell(of: refusal, from: address ?? "", saying: origin.map { [.origin: "\($0)"] } ?? [:])
        }
        let isTokenNeeded = if case .success = entry, case .verified = access.tokens { true } else { false }
        let state = ConnectionState(
            token: ConnectRequest.token(in: (try? parameters.get()) ?? ConnectRequest.Parameters(), request.headers),
            isTokenNeeded: isTokenNeeded,
            keepalive: options.keepaliveMs > 0 ? .milliseconds(Int64(options.keepaliveMs)) : nil, now: .now())
        let connection = loop.assumeIsolated {
            $0.add {
                ClientConnection(entry, state: state, link: $0, channel: channel, timer: timer, loop: loop)
            }
        }
        // Also of one that is closed already, which NIO calls no handler for.
        channel.closeFuture.whenComplete { _ in connection.assumeIsolated { $0.closed() } }
        // NIO keeps what it reads into: clients say little, and there are many of them.
        try channel.syncOptions?.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: GatewayLimits.readBytesMax))
        let queued = ChannelOptions.Types.WriteBufferWaterMark(
            low: GatewayLimits.queuedBytesMax / 2, high: GatewayLimits.queuedBytesMax)
        try channel.syncOptions?.setOption(.writeBufferWaterMark, value: queued)
        try channel.pipeline.syncOperations.addHandler(connection)
        connection.assumeIsolated { $0.start() }
    }

    /// What the client asks for, and its place, to be left when the channel is closed.
    private func enter(
        _ address: String?, _ parameters: Result<ConnectRequest.Parameters, InvalidInput>,
        _ headers: HTTPHeaders, _ access: ClientAccess, isStopping: Bool
    ) throws(Refusal) -> Entry {
        if isStopping { throw .stopping }
        // Nobody's token is bad where none can be good.
        if case .notConfigured = access.tokens { throw .cannotVerify }
        if let origin = headers.first(name: "origin"), !access.origins.isEmpty, !access.origins.contains(origin) {
            throw .originNotAllowed
        }
        let request: ConnectRequest
        do {
            request = try ConnectRequest(parameters.get(), address: address, platforms: store.platforms)
        } catch {
            throw Refusal(error)
        }
        let place = try admission.enter(address ?? "", isVerified: !access.tokens.areAsked)
        return Entry(request: request, place: place, tokens: access.tokens)
    }

    /// As the load balancer in front says; without one, or where it names no address, the peer's.
    private func clientAddress(of channel: any Channel, _ headers: HTTPHeaders) -> String? {
        let forwarded = options.addressHeader.flatMap { NetworkAddress(forwarded: headers[$0], in: $0) }
        return (forwarded ?? channel.remoteAddress?.ipAddress.flatMap { NetworkAddress($0) })?.description
    }
}
