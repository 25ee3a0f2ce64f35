import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Support
import Synchronization

/// A callback receiver that fails on demand, in every way one can. Whatever it answers, it writes down what it heard and
/// whether it has it.
package final class FaultyReceiver: Sendable {
    package enum Behaviour: Sendable, Equatable {
        case well
        /// Nobody listens.
        case down
        /// It has the event at once and says so late.
        case slow(ms: Int)
        case status(Int, retryAfter: Int? = nil)
        case redirect
        /// It has the event, and the connection ends.
        case reset
        /// It has the event, says so, and does not stop talking.
        case endless
        /// Any of these, at every attempt anew.
        case any

        fileprivate var isTaken: Bool {
            switch self {
            case .well, .slow, .reset, .endless: true
            case .down, .status, .redirect, .any: false
            }
        }

        fileprivate static func some(_ dice: inout SeededGenerator) -> Behaviour {
            let all: [Behaviour] = [
                .well, .slow(ms: 100), .slow(ms: 2_500), .status(500), .status(400), .status(429, retryAfter: 1),
                .redirect, .reset, .endless,
            ]
            return all.randomElement(using: &dice) ?? .well
        }
    }

    private struct State {
        var dice: SeededGenerator
        var behaviour = Behaviour.well
        var listener: (any Channel)?
        var connections: [ObjectIdentifier: any Channel] = [:]
    }

    package let port: Int
    package var url: String { "http://127.0.0.1:\(port)/callback" }
    private let recorder: Recorder
    private let state: Mutex<State>

    private init(port: Int, _ recorder: Recorder) {
        self.port = port
        self.recorder = recorder
        state = Mutex(State(dice: SeededGenerator(seed: recorder.seed ^ 0x5E71)))
    }

    package static func with<Result>(
        _ recorder: Recorder, body: (FaultyReceiver) async throws -> Result
    ) async throws -> Result {
        let receiver = FaultyReceiver(port: try await FreePort.next(), recorder)
        try await receiver.listen()
        do {
            let result = try await body(receiver)
            await receiver.goDown()
            return result
        } catch {
            await receiver.goDown()
            throw error
        }
    }

    package func behave(_ behaviour: Behaviour) async throws {
        let before = state.withLock { state in
            defer { state.behaviour = behaviour }
            return state.behaviour
        }
        if behaviour == .down { await goDown() } else if before == .down { try await listen() }
    }

    private func listen() async throws {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(FaultyReceiverHandler(self))
                    state.withLock { $0.connections[ObjectIdentifier(channel)] = channel }
                    channel.closeFuture.whenComplete { _ in
                        self.state.withLock { $0.connections[ObjectIdentifier(channel)] = nil }
                    }
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        state.withLock { $0.listener = channel }
    }

    private func goDown() async {
        let channels = state.withLock { state in
            defer { state.listener = nil }
            return (state.listener.map { [$0] } ?? []) + state.connections.values
        }
        for channel in channels { try? await channel.close() }
    }

    /// Writes the attempt down.
    /// - Returns: how to answer it.
    fileprivate func heard(_ body: String) -> Behaviour {
        let how = state.withLock { $0.behaviour == .any ? .some(&$0.dice) : $0.behaviour }
        guard let json = try? JSON(parsing: body) else { return how }
        recorder.add(ReceivedPost(json, body, recorder.nowMs, isTaken: how.isTaken))
        return how
    }
}

extension ReceivedPost {
    init(_ json: JSON, _ body: String, _ heardMs: RunMs, isTaken: Bool) {
        let (presence, info) = (json["Presence"], json["Info"])
        self.init(
            id: presence["id"].string ?? "", user: info["To_Account"].string ?? "",
            version: presence["version"].int ?? 0, previous: presence["previous"].int ?? 0,
            atMs: json["EventTime"].int ?? 0, action: info["Action"].string ?? "", reason: info["Reason"].string ?? "",
            device: "\(presence["platform"].string ?? ""):\(presence["instance"].string ?? "")",
            status: presence["status"].string ?? "", userStatus: presence["userStatus"].string ?? "", body: body,
            heardMs: heardMs, isTaken: isTaken)
    }
}

private final class FaultyReceiverHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let receiver: FaultyReceiver
    private var body = ""

    init(_ receiver: FaultyReceiver) {
        self.receiver = receiver
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: body = ""
        case .body(let bytes): body += String(buffer: bytes)
        case .end: answer(receiver.heard(body), context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ behaviour: FaultyReceiver.Behaviour, _ context: ChannelHandlerContext) {
        switch behaviour {
        case .well, .any: respond(200, [:], context)
        case .down: context.close(promise: nil)
        case .slow(let ms):
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: .milliseconds(Int64(ms))) {
                bound.value.handler.respond(200, [:], bound.value.context)
            }
        case .status(let status, let retryAfter):
            respond(status, retryAfter.map { ["Retry-After": "\($0)"] } ?? [:], context)
        case .redirect: respond(307, ["Location": "http://127.0.0.1:1/"], context)
        case .reset:
            let channel = context.channel
            _ = (channel as? any SocketOptionProvider)?.setSoLinger(closingWithReset)
                .always { _ in channel.close(promise: nil) }
        case .endless:
            context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok))), promise: nil)
            pour(context)
        }
    }

    private func respond(_ status: Int, _ headers: HTTPHeaders, _ context: ChannelHandlerContext) {
        var headers = headers
        headers.add(name: "Content-Length", value: "0")
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func pour(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let bytes = ByteBuffer(repeating: UInt8(ascii: "x"), count: 4_096)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes)))).whenSuccess {
            bound.eventLoop.scheduleTask(in: .milliseconds(5)) { bound.value.handler.pour(bound.value.context) }
        }
    }
}

private let closingWithReset = linger(l_onoff: 1, l_linger: 0)
