import NIOCore
import NIOHTTP1

/// One connection: performs what `ConnectionState` decides.
///
/// The actor runs on its channel's event loop, so the channel's callbacks are already isolated to it.
actor HTTPConnection {
    /// What all connections of a server have in common.
    struct Shared: Sendable {
        var limits: HTTPServerLimits
        var decide: @Sendable (inout HTTPServerRequest) -> HTTPServerDecision
        var refuse: @Sendable (HTTPRefusal, HTTPServerRequest?) -> HTTPServerResponse
        let date = HTTPDate()
        let connections: OpenConnections
    }

    nonisolated let channel: any Channel
    nonisolated let unownedExecutor: UnownedSerialExecutor
    nonisolated let tasks: EventLoopTaskExecutor
    private let shared: Shared
    private let decoder: RequestDecoder
    var state: ConnectionState
    private let timer: LazyTimer
    private var isReadHeldBack = false
    /// The decoder told of something in what was read last.
    private var heardParts = false
    private var stopsDecoder = false
    var stream: (task: Task<Void, Never>, writable: CheckedContinuation<Void, Never>?)?

    init(_ channel: any Channel, tasks: EventLoopTaskExecutor, shared: Shared) {
        self.channel = channel
        self.tasks = tasks
        self.shared = shared
        unownedExecutor = channel.eventLoop.executor.asUnownedSerialExecutor()
        timer = LazyTimer(on: channel.eventLoop)
        decoder = RequestDecoder(shared.limits)
        state = ConnectionState(limits: shared.limits, now: .now())
    }

    /// To be called once, before the channel is active.
    func start() throws {
        timer.start(waking: self)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandlers([ByteToMessageHandler(decoder), self])
    }

    /// The server stops.
    func stop() { perform(state.stop(now: .now())) }

    func perform(_ action: ConnectionState.Action) {
        var action = action
        while let next = step(action) { action = next }
        settle()
    }

    /// Performs an action; what follows from it at once is the next one.
    private func step(_ action: ConnectionState.Action) -> ConnectionState.Action? {
        switch action {
        case .nothing: return nil
        case .run(let request, let handler): run(handler, request)
        case .refuse(let refusal, let request): return state.answered(shared.refuse(refusal, request))
        case .write(let response, let form): return write(response, form)
        case .sayContinue: channel.writeAndFlush(ResponseEncoder.continue, promise: nil)
        case .upgrade(let upgrade): hand(to: upgrade)
        case .linger: channel.close(mode: .output, promise: nil)
        case .close: channel.close(promise: nil)
        }
        return nil
    }

    private nonisolated func run(_ handler: @escaping HTTPServerHandler, _ request: HTTPServerRequest) {
        Task(executorPreference: tasks) {
            let response = await handler(request)
            self.answered(response)
        }
    }

    /// On the event loop already, where the task runs.
    private nonisolated func answered(_ response: HTTPServerResponse) {
        assumeIsolated { $0.perform($0.state.answered(response)) }
    }

    private func write(
        _ response: HTTPServerResponse, _ form: ConnectionState.Form
    ) -> ConnectionState.Action? {
        let (head, body) = ResponseEncoder.buffers(
            response, form, date: shared.date.field, allocator: channel.allocator)
        if let body {
            channel.write(head, promise: nil)
            channel.writeAndFlush(body, promise: nil)
        } else {
            channel.writeAndFlush(head, promise: nil)
        }
        if case .stream(let parts) = response.body, !form.isToHEAD {
            send(parts, form)
            return nil
        }
        return state.wrote(isWritable: channel.isWritable, now: .now())
    }

    /// What came with the request reaches the new handlers when the decoder has left, in the loop's next turn.
    private func hand(to upgrade: HTTPServerUpgrade) {
        timer.stop()
        channel.writeAndFlush(
            ResponseEncoder.switchingProtocols(upgrade, allocator: channel.allocator), promise: nil)
        shared.connections.ended(channel)
        do {
            try upgrade.adopt(channel, timer)
            let pipeline = channel.pipeline.syncOperations
            pipeline.removeHandler(self, promise: nil)
            let decoding = try pipeline.handler(type: ByteToMessageHandler<RequestDecoder>.self)
            pipeline.removeHandler(decoding, promise: nil)
            if isReadHeldBack { channel.read() }
        } catch {
            channel.close(promise: nil)
        }
    }

    /// Brings what depends on the state in line with it.
    func settle() {
        decoder.mode = state.intake
        if isReadHeldBack, state.isReadingOn {
            isReadHeldBack = false
            channel.read()
        }
        timer.set(state.deadline)
    }

    private func tick() {
        perform(state.tick(now: .now()))
    }
}

extension HTTPConnection: Wakeable {
    nonisolated func wake() { assumeIsolated { $0.tick() } }
}

// The channel's callbacks.
extension HTTPConnection: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer

    nonisolated func channelActive(context: ChannelHandlerContext) {
        if shared.connections.admits(self) {
            assumeIsolated { $0.settle() }
        } else {
            context.close(promise: nil)
        }
        context.fireChannelActive()
    }

    nonisolated func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = Self.unwrapInboundIn(data)
        assumeIsolated { $0.read(part) }
    }

    private func read(_ part: HTTPServerRequestPart) {
        heardParts = true
        let now = NIODeadline.now()
        switch part {
        case .head(let head):
            guard state.intake == .decoding else { return }
            // It cannot be, or the decoder reads a request in another way than it was checked.
            guard !decoder.hasStopped else { return perform(state.refuse(.malformed, now: now)) }
            read(head, now)
        case .body(let bytes): perform(state.received(bytes, now: now))
        case .end:
            decoder.hasStopped = stopsDecoder
            stopsDecoder = false
            perform(state.receivedEnd(now: now))
        }
    }

    private func read(_ head: HTTPRequestHead, _ now: NIODeadline) {
        do {
            var request = try HTTPServerRequest(head)
            stopsDecoder = request.stopsDecoder
            let decision = shared.decide(&request)
            perform(state.received(request, decision, now: now))
        } catch {
            perform(state.refuse(error, now: now))
        }
    }

    nonisolated func channelReadComplete(context: ChannelHandlerContext) {
        assumeIsolated { $0.readComplete() }
        context.fireChannelReadComplete()
    }

    private func readComplete() {
        if !heardParts || decoder.hasRest, state.isIdle {
            state.receivedBytes(now: .now())
            timer.set(state.deadline)
        }
        heardParts = false
        let dropped = decoder.takeDroppedBytes()
        if dropped > 0 { perform(state.dropped(bytes: dropped)) }
    }

    nonisolated func read(context: ChannelHandlerContext) {
        if assumeIsolated({ $0.mayRead() }) { context.read() }
    }

    private func mayRead() -> Bool {
        isReadHeldBack = !state.isReadingOn
        return !isReadHeldBack
    }

    /// What the decoder has against what it reads; or the channel broke, and ends.
    nonisolated func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else { return context.close(promise: nil) }
        let refusal = HTTPRefusal(error)
        assumeIsolated { $0.perform($0.state.refuse(refusal, now: .now())) }
    }

    nonisolated func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            assumeIsolated { connection in
                connection.resumeStream()
                connection.perform(connection.state.becameWritable(now: .now()))
            }
        }
        context.fireChannelWritabilityChanged()
    }

    nonisolated func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { assumeIsolated { $0.perform($0.state.inputClosed(now: .now())) } }
        context.fireUserInboundEventTriggered(event)
    }

    nonisolated func channelInactive(context: ChannelHandlerContext) {
        assumeIsolated { $0.ended() }
        context.fireChannelInactive()
    }

    private func ended() {
        _ = state.close()
        timer.stop()
        stream?.task.cancel()
        resumeStream()
        stream = nil
    }
}
