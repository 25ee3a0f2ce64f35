// Gateway: clients' connections.
//
// Promises: a client's session is disconnected at once when its socket closes, left to its lease when it falls
// silent or the worker stops, and told within a second when it is forced offline through any worker. A heartbeat is
// acknowledged only when Redis has it. What a client can make a worker keep or do has a limit in `GatewayLimits` or
// `GatewayOptions`; whoever breaks RFC 6455 or the protocol is told with a close code and costs only its own socket.
// Does not: decide who may be logged in beside whom, end TLS, carry messages between clients.

import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOWebSocket
import PresenceCore
import PresenceStore
import ServiceLifecycle

/// Serves the WebSocket connections of one worker.
package final class Gateway: Service {
    /// What is left to do for the server after an upgrade: nothing. No task waits for an idle connection.
    package typealias Serve = @Sendable () async -> Void

    private let store: PresenceStore
    private let tokens: ClientTokens
    private let options: GatewayOptions
    private let logger: Logger
    private let admission: Admission
    private let loops: [GatewayLoop]
    private let loopIndices: [ObjectIdentifier: Int]

    /// - Parameters:
    ///   - eventLoopGroup: the one whose loops the connections belong to.
    ///   - executor: runs tasks on an event loop.
    package init(
        store: PresenceStore, tokens: ClientTokens, options: GatewayOptions, eventLoopGroup: any EventLoopGroup,
        executor: (any EventLoop) -> any TaskExecutor, logger: Logger
    ) {
        self.store = store
        self.tokens = tokens
        self.options = options
        self.logger = logger
        admission = Admission(options)
        let eventLoops = Array(eventLoopGroup.makeIterator())
        let sessions = ClientSessions(store: store, tokens: tokens, logger: logger)
        loops = eventLoops.enumerated().map { index, eventLoop in
            GatewayLoop(
                eventLoop, index: index, of: eventLoops.count, executor: executor(eventLoop), sessions: sessions,
                logger: logger)
        }
        loopIndices = Dictionary(
            eventLoops.enumerated().map { (ObjectIdentifier($0.element), $0.offset) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Hears what other workers and operators do to the sessions served here. Told to stop, which must be after the
    /// server stopped accepting, it closes the connections over the drain window, and returns when all are closed.
    package func run() async {
        for await notice in store.notices().cancelOnGracefulShutdown() {
            guard let notice else {
                await checkSessions()
                continue
            }
            await loops[notice.link % loops.count].tell(notice)
        }
        for loop in loops { await loop.stop(over: options.drainMs) }
        for loop in loops {
            while await !loop.isIdle, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
        }
    }

    /// Notices may have been missed until now.
    private func checkSessions() async {
        for loop in loops {
            do { try await loop.checkSessions() } catch {
                logger.warning(
                    "Sessions that ended meanwhile are found at their next heartbeat", metadata: ["error": "\(error)"])
            }
        }
    }
}

// From a request to a connection.
extension Gateway {
    /// Whether a request is a WebSocket handshake in full, for our path (RFC 6455, section 4.2.1).
    package static func accepts(_ head: HTTPRequestHead) -> Bool {
        func has(_ name: String, _ value: String) -> Bool {
            head.headers[canonicalForm: name].contains { $0.lowercased() == value }
        }
        return head.method == .GET && ConnectRequest.isPath(of: head.uri) && has("upgrade", "websocket")
            && has("connection", "upgrade") && head.headers["sec-websocket-version"] == ["13"]
            && head.version == .http1_1 && isKey(head.headers["sec-websocket-key"])
    }

    /// Whether a header holds 16 bytes in base64, once.
    private static func isKey(_ values: [String]) -> Bool {
        values.count == 1 && Data(base64Encoded: values[0])?.count == 16
    }

    /// Takes over the connections whose first request asks for it.
    package func upgrader() -> NIOTypedWebSocketServerUpgrader<Serve> {
        NIOTypedWebSocketServerUpgrader(
            maxFrameSize: GatewayLimits.messageBytesMax, enableAutomaticErrorHandling: false
        ) { channel, head in
            var headers = HTTPHeaders()
            if head.headers[canonicalForm: "sec-websocket-protocol"].contains(where: {
                $0 == ConnectRequest.subprotocol
            }) {
                headers.add(name: "Sec-WebSocket-Protocol", value: ConnectRequest.subprotocol)
            }
            return channel.eventLoop.makeSucceededFuture(headers)
        } upgradePipelineHandler: { channel, head in
            channel.eventLoop.makeCompletedFuture { try self.adopt(channel, head) }
        }
    }

    private func adopt(_ channel: any Channel, _ head: HTTPRequestHead) throws -> Serve {
        guard let index = loopIndices[ObjectIdentifier(channel.eventLoop)] else {
            preconditionFailure("the gateway is made with the event loops of the server")
        }
        let loop = loops[index]
        let parameters = Result { () throws(InvalidInput) in try ConnectRequest.parameters(of: head.uri) }
        let entry = enter(channel, parameters, head.headers, isStopping: loop.assumeIsolated { $0.isStopping })
        let isTokenNeeded = if case .success = entry, case .verified = tokens { true } else { false }
        let state = ConnectionState(
            token: ConnectRequest.token(in: (try? parameters.get()) ?? [:], head.headers), isTokenNeeded: isTokenNeeded,
            now: .now())
        let connection = loop.assumeIsolated {
            $0.add { ClientConnection(entry, state: state, link: $0, channel: channel, loop: loop) }
        }
        // NIO keeps what it reads into: clients say little, and there are many of them.
        try channel.syncOptions?.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: GatewayLimits.readBytesMax))
        let queued = ChannelOptions.Types.WriteBufferWaterMark(
            low: GatewayLimits.queuedBytesMax / 2, high: GatewayLimits.queuedBytesMax)
        try channel.syncOptions?.setOption(.writeBufferWaterMark, value: queued)
        try channel.pipeline.syncOperations.addHandler(connection)
        connection.assumeIsolated { $0.start() }
        return {}
    }

    /// What the client asks for, or why it is not let in. Who is let in counts until its channel is closed.
    private func enter(
        _ channel: any Channel, _ parameters: Result<[ConnectRequest.Parameter: String], InvalidInput>,
        _ headers: HTTPHeaders, isStopping: Bool
    ) -> Result<ConnectRequest, Refusal> {
        if isStopping { return .failure(.stopping) }
        if let origin = headers.first(name: "origin"), !options.origins.isEmpty, !options.origins.contains(origin) {
            return .failure(.originNotAllowed)
        }
        let address = clientAddress(of: channel, headers)
        let request: ConnectRequest
        do {
            request = try ConnectRequest(parameters.get(), address: address, platforms: store.platforms)
        } catch {
            return .failure(Refusal(error))
        }
        switch admission.enter(address ?? "") {
        case .admitted:
            channel.closeFuture.whenComplete { [admission] _ in admission.leave(address ?? "") }
            return .success(request)
        case .overloaded: return .failure(.overloaded)
        case .tooManyOfAddress: return .failure(.tooManyOfAddress)
        }
    }

    /// As the load balancer in front says; without one, or where it names no address, the peer's.
    private func clientAddress(of channel: any Channel, _ headers: HTTPHeaders) -> String? {
        let forwarded = options.addressHeader.flatMap { NetworkAddress(forwarded: headers[$0], in: $0) }
        return (forwarded ?? channel.remoteAddress?.ipAddress.flatMap { NetworkAddress($0) })?.description
    }
}
