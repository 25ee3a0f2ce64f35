import JSON
import NIOCore
import NIOWebSocket
import PresenceCore
import PresenceProtocol
import PresenceStore

/// One client's socket after the upgrade: performs what `ConnectionState` decides.
///
/// The actor runs on its channel's event loop, so the channel's callbacks are already isolated to it.
actor ClientConnection {
    nonisolated let link: Link
    /// What the client asked for, or why it is not let in.
    nonisolated let entry: Result<ConnectRequest, Refusal>
    private let channel: any Channel
    private let loop: GatewayLoop
    /// nil for a client that is not let in.
    private var place: Admission.Place?

    private var state: ConnectionState
    private var assembler = MessageAssembler()
    private var rate = FrameRate(now: .now())
    private var timer: (deadline: NIODeadline, task: Scheduled<Void>)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

    init(
        _ entry: Result<ConnectRequest, Refusal>, place: Admission.Place?, state: ConnectionState, link: Link,
        channel: any Channel, loop: GatewayLoop
    ) {
        self.entry = entry
        self.place = place
        self.state = state
        self.link = link
        self.channel = channel
        self.loop = loop
    }

    /// To be called once, when the connection can be written to.
    func start() {
        if case .failure(let refusal) = entry { return perform(state.refused(refusal, now: .now())) }
        perform(state.start(now: .now()))
    }

    /// To be called once, when the channel is closed.
    func closed() {
        timer?.task.cancel()
        loop.assumeIsolated { $0.remove(self) }
        if let place { loop.admission.leave(place) }
        perform(state.connectionLost(now: .now()))
    }

    var session: UserSession? {
        guard let session = state.session, case .success(let request) = entry else { return nil }
        return UserSession(user: request.user, session: session)
    }

    var isOpening: Bool { state.isOpening }

    func opened(_ opening: ConnectionState.Opening) { perform(state.opened(opening, now: .now())) }
    func loggedOut(_ session: SessionID, isRecorded: Bool) {
        perform(state.loggedOut(session, isRecorded: isRecorded, now: .now()))
    }
    func acknowledged() { perform(state.acknowledged()) }
    func unrecorded() { perform(state.unrecorded()) }
    func gone() { perform(state.gone(now: .now())) }
    func told(_ what: Notice.What) { perform(state.told(what, now: .now())) }
    /// The worker stops: closes the socket after a while.
    func stop(in delay: TimeAmount) {
        channel.eventLoop.scheduleTask(in: delay) { self.assumeIsolated { $0.perform($0.state.stop(now: .now())) } }
    }
}

extension ClientConnection {
    private func perform(_ actions: [ConnectionState.Action]) {
        for action in actions { perform(action) }
        setTimer()
    }

    private func perform(_ action: ConnectionState.Action) {
        switch action {
        case .send(let message): write(.text, message.json)
        case .ping:
            rate.pinged()
            write(.ping, ByteBuffer())
        case .pong(let data): write(.pong, data)
        case .beat(let session):
            guard case .success(let request) = entry else { return }
            loop.assumeIsolated { $0.beat(UserSession(user: request.user, session: session), of: self) }
        case .close(let code, let reason):
            var data = ByteBuffer()
            if let code {
                data.writeInteger(code)
                data.writeString(Self.cut(reason))
            }
            write(.connectionClose, data)
        case .drop: channel.close(promise: nil)
        case .work(let work):
            guard case .success(let request) = entry else { return }
            start(work, of: request)
        }
    }

    private func start(_ work: ConnectionState.Work, of request: ConnectRequest) {
        switch work {
        case .open(let token): open(request, token)
        case .logout(let session): loop.assumeIsolated { $0.logout(session, of: request, for: self) }
        case .disconnect(let session): loop.assumeIsolated { $0.disconnect(session, of: request, for: self) }
        }
    }

    /// Verified before it waits for its turn: who has no good token is not to hold up those who have.
    private func open(_ request: ConnectRequest, _ token: String?) {
        guard var place else { return }
        do {
            let issuedAtMs = try loop.admission.login(&place) { () throws(Refusal) in
                try loop.tokens.verify(token, of: request.user)
            }
            self.place = place
            loop.assumeIsolated { $0.open(request, issuedAtMs: issuedAtMs, for: self) }
        } catch {
            loop.admission.tell(of: error, from: place.network)
            perform(state.opened(.refused(error), now: .now()))
        }
    }

    private static func cut(_ reason: String) -> String {
        var reason = reason
        while reason.utf8.count > ProtocolLimits.closeReasonBytesMax { reason.removeLast() }
        return reason
    }

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        state.passed(now: .now())
        channel.writeAndFlush(WebSocketFrame(fin: true, opcode: opcode, data: data), promise: nil)
    }

    /// One timer: it is set anew when it fires or would fire too late, not with every heartbeat.
    private func setTimer() {
        guard let deadline = state.deadline else { return }
        if let timer {
            if timer.deadline <= deadline { return }
            timer.task.cancel()
        }
        let task = channel.eventLoop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.tick() } }
        timer = (deadline, task)
    }

    private func tick() {
        timer = nil
        perform(state.tick(now: .now()))
    }
}

// The channel's callbacks.
extension ClientConnection: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    nonisolated func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        assumeIsolated { $0.read(frame) }
    }

    private func read(_ frame: WebSocketFrame) {
        let now = NIODeadline.now()
        state.passed(now: now)
        guard rate.allows(frame.opcode, now: now) else { return perform(state.sentTooMuch(now: now)) }
        guard let event = assembler.read(frame) else { return }
        perform(state.received(event, now: now))
    }

    /// A frame the decoder refused; it reads no more.
    nonisolated func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let violation: MessageAssembler.Event =
            if case .invalidFrameLength? = error as? NIOWebSocketError {
                .violation(.tooBig, "a frame may have \(ProtocolLimits.clientMessageBytesMax) bytes")
            } else {
                .violation(.protocolError, "not a frame of the protocol")
            }
        assumeIsolated { $0.perform($0.state.received(violation, now: .now())) }
    }

    nonisolated func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard !context.channel.isWritable else { return }
        assumeIsolated { $0.perform($0.state.readTooLittle(now: .now())) }
    }

    nonisolated func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }
}
