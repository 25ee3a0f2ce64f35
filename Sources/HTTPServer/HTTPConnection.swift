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
        let figures: HTTPFigures
    }

    nonisolated let channel: any Channel
    nonisolated let unownedExecutor: UnownedSerialExecutor
    nonisolated let tasks: EventLoopTaskExecutor
    let shared: Shared
    var state: ConnectionState
    var parser: RequestParser
    /// What came and was not read yet.
    var input = ByteBuffer()
    /// The client has closed its side, and the state does not know yet.
    var isInputClosed = false
    var isTakingIn = false
    private let timer: LazyTimer
    private var isReadHeldBack = false
    /// A handler is at its first stretch, up to where it waits for something.
    private var isStarting = false
    /// What follows from its answer, if that came already.
    private var answeredAtOnce: ConnectionState.Action?
    /// The handler of a request that changes nothing: it ends with the connection.
    private var query: Task<Void, Never>?
    var stream: (task: Task<Void, Never>, writable: CheckedContinuation<Void, Never>?)?

    init(_ channel: any Channel, tasks: EventLoopTaskExecutor, shared: Shared) {
        self.channel = channel
        self.tasks = tasks
        self.shared = shared
        unownedExecutor = channel.eventLoop.executor.asUnownedSerialExecutor()
        parser = RequestParser(shared.limits)
        timer = LazyTimer(on: channel.eventLoop)
        state = ConnectionState(limits: shared.limits, now: .now())
    }

    /// To be called once, before the channel is active.
    func start() throws { try channel.pipeline.syncOperations.addHandler(self) }

    /// The server stops.
    func stop() { perform(state.stop(now: .now())) }

    /// Performs an action, and what follows from it.
    func perform(_ action: ConnectionState.Action) {
        carryOut(action)
        takeIn()
        if isReadHeldBack, state.isReadingOn {
            isReadHeldBack = false
            channel.read()
        }
        timer.set(state.deadline)
    }

    func carryOut(_ action: ConnectionState.Action) {
        var action = action
        while let next = step(action) { action = next }
    }

    /// - Returns: what follows at once.
    private func step(_ action: ConnectionState.Action) -> ConnectionState.Action? {
        switch action {
        case .nothing: return nil
        case .run(let request, let handler): return run(handler, request)
        case .refuse(let refusal, let request):
            shared.figures.count(refusal.counted)
            return state.answered(shared.refuse(refusal, request))
        case .write(let response, let form): return write(response, form)
        case .sayContinue: channel.writeAndFlush(ResponseEncoder.continue, promise: nil)
        case .upgrade(let upgrade): hand(to: upgrade)
        case .linger: channel.close(mode: .output, promise: nil)
        case .close: channel.close(promise: nil)
        }
        return nil
    }

    private func run(
        _ handler: @escaping HTTPServerHandler, _ request: HTTPServerRequest
    ) -> ConnectionState.Action? {
        isStarting = true
        let task = start(handler, request)
        isStarting = false
        defer { answeredAtOnce = nil }
        if request.isSafe, answeredAtOnce == nil { query = task }
        return answeredAtOnce
    }

    /// Begins at once, and goes on on the event loop.
    private nonisolated func start(
        _ handler: @escaping HTTPServerHandler, _ request: HTTPServerRequest
    ) -> Task<Void, Never> {
        Task.immediate(executorPreference: tasks) {
            let response = await handler(request)
            self.answered(response)
        }
    }

    /// On the event loop already, where the task runs.
    private nonisolated func answered(_ response: HTTPServerResponse) {
        assumeIsolated { $0.takeAnswer(response) }
    }

    private func takeAnswer(_ response: HTTPServerResponse) {
        query = nil
        let action = state.answered(response)
        if isStarting { answeredAtOnce = action } else { perform(action) }
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
        let now = NIODeadline.now()
        shared.figures.answered(form, response.status, now: now)
        if case .stream(let parts) = response.body, !form.isToHEAD {
            send(parts, form)
            return nil
        }
        return state.wrote(isWritable: channel.isWritable, now: now)
    }

    /// What came with the request reaches the new handlers.
    private func hand(to upgrade: HTTPServerUpgrade) {
        timer.stop()
        channel.writeAndFlush(
            ResponseEncoder.switchingProtocols(upgrade, allocator: channel.allocator), promise: nil)
        shared.connections.ended(channel)
        do {
            try upgrade.adopt(channel, timer)
            let pipeline = channel.pipeline.syncOperations
            pipeline.removeHandler(self, promise: nil)
            if input.readableBytes > 0 { pipeline.fireChannelRead(NIOAny(input)) }
            input = ByteBuffer()
            if isReadHeldBack { channel.read() }
        } catch {
            channel.close(promise: nil)
        }
    }

    private func tick() {
        perform(state.tick(now: .now()))
    }
}

extension HTTPConnection: Wakeable {
    nonisolated func wake() { assumeIsolated { $0.tick() } }
}

// The channel's callbacks.
extension HTTPConnection: ChannelInboundHandler, ChannelOutboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    nonisolated func channelActive(context: ChannelHandlerContext) {
        if shared.connections.admits(self) {
            // Not before: of a channel that never was active no end is told, and the timer would keep it.
            assumeIsolated {
                $0.timer.start(waking: $0)
                $0.timer.set($0.state.deadline)
            }
        } else {
            context.close(promise: nil)
        }
    }

    nonisolated func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        assumeIsolated { $0.received(bytes) }
    }

    nonisolated func read(context: ChannelHandlerContext) {
        if assumeIsolated({ $0.mayRead() }) { context.read() }
    }

    private func mayRead() -> Bool {
        isReadHeldBack = !state.isReadingOn
        return !isReadHeldBack
    }

    nonisolated func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    nonisolated func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        assumeIsolated { connection in
            connection.resumeStream()
            connection.perform(connection.state.becameWritable(now: .now()))
        }
    }

    nonisolated func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        assumeIsolated {
            $0.isInputClosed = true
            $0.perform(.nothing)
        }
    }

    nonisolated func channelInactive(context: ChannelHandlerContext) {
        assumeIsolated { $0.ended() }
    }

    private func ended() {
        _ = state.close()
        timer.stop()
        query?.cancel()
        query = nil
        stream?.task.cancel()
        resumeStream()
        stream = nil
        input = ByteBuffer()
    }
}
