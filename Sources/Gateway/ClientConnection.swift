import HTTPServer
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
    /// Who is at the other end. Boxed, for a request has many parts and an open socket needs one of them.
    private indirect enum Client {
        case asking(Entry)
        case refused(Refusal)
        case user(UserID, Admission.Place)
    }

    nonisolated let link: Link
    private let channel: any Channel
    private let loop: GatewayLoop
    private var client: Client

    private var state: ConnectionState
    private var frames = FrameReader()
    private var assembler = MessageAssembler()
    private var rate = FrameRate(now: .now())
    private let timer: LazyTimer
    /// Where it counts as open; nil for one that is not let in.
    private let counted: OpenSockets?
    /// Of the close frame.
    private var closeCode: UInt16?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

    /// - Parameter entry: what the client asked for, or why it is not let in.
    init(
        _ entry: Result<Entry, Refusal>, state: ConnectionState, link: Link, channel: any Channel, timer: LazyTimer,
        loop: GatewayLoop
    ) {
        switch entry {
        case .success(let entry):
            client = .asking(entry)
            counted = loop.figures.open(on: entry.request.platform)
        case .failure(let refusal):
            client = .refused(refusal)
            counted = nil
        }
        self.state = state
        self.link = link
        self.channel = channel
        self.timer = timer
        self.loop = loop
        counted?.add()
    }

    /// To be called once, when the connection can be written to.
    func start() {
        timer.start(waking: self)
        if case .refused(let refusal) = client {
            loop.figures.count(refusal)
            return perform(state.refused(refusal, now: .now()))
        }
        perform(state.start(now: .now()))
    }

    /// To be called once, when the channel is closed.
    func closed() {
        timer.stop()
        loop.assumeIsolated { $0.remove(self) }
        switch client {
        case .asking(let entry): loop.admission.leave(entry.place)
        case .user(_, let place): loop.admission.leave(place)
        case .refused: break
        }
        counted?.remove()
        loop.figures.closed(with: closeCode)
        perform(state.connectionLost(now: .now()))
    }

    var queuedBytes: Int { (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    var session: UserSession? { state.session.flatMap(session) }

    private func session(_ id: SessionID) -> UserSession? {
        switch client {
        case .asking(let entry): UserSession(user: entry.request.user, session: id)
        case .user(let user, _): UserSession(user: user, session: id)
        case .refused: nil
        }
    }

    /// What it asks for, while it waits for its welcome.
    var opening: ConnectRequest? {
        if state.isOpening, case .asking(let entry) = client { entry.request } else { nil }
    }

    func opened(_ opening: ConnectionState.Opening) {
        if case .asking(let entry) = client { client = .user(entry.request.user, entry.place) }
        switch opening {
        case .refused(let refusal), .uncertain(_, let refusal): loop.figures.count(refusal)
        case .accepted, .kicked, .late: break
        }
        perform(state.opened(opening, now: .now()))
    }
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
        timer.set(state.deadline)
    }

    private func perform(_ action: ConnectionState.Action) {
        switch action {
        case .send(let message): write(message.frame)
        case .ping:
            rate.pinged()
            write(Frame(opcode: .ping).bytes)
        case .pong(let data): write(Frame(opcode: .pong, payload: data).bytes)
        case .beat(let id):
            guard let session = session(id) else { return }
            loop.assumeIsolated { $0.beat(session, of: self) }
        case .close(let code, let reason):
            closeCode = code ?? GatewayFigures.none
            var data = ByteBuffer()
            if let code {
                data.writeInteger(code)
                data.writeString(Self.cut(reason))
            }
            write(Frame(opcode: .connectionClose, payload: data).bytes)
        case .drop: channel.close(promise: nil)
        case .work(let work): start(work)
        }
    }

    private func start(_ work: ConnectionState.Work) {
        switch work {
        case .open(let token): open(token)
        case .logout(let id):
            guard let session = session(id) else { return }
            loop.assumeIsolated { $0.logout(session, for: self) }
        case .disconnect(let id):
            guard let session = session(id) else { return }
            loop.assumeIsolated { $0.disconnect(session, for: self) }
        }
    }

    /// Verified before it waits for its turn: who has no good token is not to hold up those who have.
    private func open(_ token: String?) {
        guard case .asking(var entry) = client else { return }
        let user = entry.request.user
        do {
            let issuedAtMs = try loop.admission.login(&entry.place) { [tokens = entry.tokens] () throws(Refusal) in
                try tokens.verify(token, of: user)
            }
            client = .asking(entry)
            loop.assumeIsolated { $0.open(self, for: user, issuedAtMs: issuedAtMs) }
        } catch {
            loop.admission.tell(of: error, from: entry.place.network)
            opened(.refused(error))
        }
    }

    private static func cut(_ reason: String) -> String {
        var reason = reason
        while reason.utf8.count > ProtocolLimits.closeReasonBytesMax { reason.removeLast() }
        return reason
    }

    private func write(_ frame: ByteBuffer) {
        state.passed(now: .now())
        channel.writeAndFlush(frame, promise: nil)
    }

    private func tick() { perform(state.tick(now: .now())) }
}

extension ClientConnection: Wakeable {
    nonisolated func wake() { assumeIsolated { $0.tick() } }
}

// The channel's callbacks.
extension ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    nonisolated func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        assumeIsolated { $0.read(bytes) }
    }

    private func read(_ bytes: ByteBuffer) {
        let now = NIODeadline.now()
        frames.append(bytes)
        do throws(FrameReader.Failure) {
            while let frame = try frames.next() { read(frame, now) }
        } catch {
            perform(state.received(error.violation, now: now))
        }
    }

    private func read(_ frame: Frame, _ now: NIODeadline) {
        state.passed(now: now)
        guard rate.allows(frame.opcode, now: now) else { return perform(state.sentTooMuch(now: now)) }
        guard let event = assembler.read(frame) else { return }
        perform(state.received(event, now: now))
    }

    /// The channel broke.
    nonisolated func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    nonisolated func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard !context.channel.isWritable else { return }
        assumeIsolated { $0.perform($0.state.readTooLittle(now: .now())) }
    }

    nonisolated func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }
}

extension FrameReader.Failure {
    fileprivate var violation: MessageAssembler.Event {
        switch self {
        case .tooBig: .violation(.tooBig, "a frame may have \(ProtocolLimits.clientMessageBytesMax) bytes")
        case .badControlFrame: .violation(.protocolError, "a control frame is whole and has at most 125 bytes")
        case .badLength: .violation(.protocolError, "a length has as few bytes as it needs")
        }
    }
}

extension ServerMessage {
    /// Prepared, for nothing is said as often.
    private static let acknowledgement = Frame(opcode: .text, payload: ServerMessage.heartbeat.json).bytes

    fileprivate var frame: ByteBuffer {
        if case .heartbeat = self { Self.acknowledgement } else { Frame(opcode: .text, payload: json).bytes }
    }
}
