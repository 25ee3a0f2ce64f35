import JSON
import NIOCore
import NIOWebSocket
import PresenceProtocol

/// The way of one client to the service, across all its losses and returns. It performs what `ConnectionState`
/// decides. Twenty thousand of them fit into a process: while connected it has no task, only a timer.
///
/// The actor runs on its event loop, so the loop's callbacks are already isolated to it.
package actor PresenceConnection {
    private let configuration: PresenceClient.Configuration
    private let eventLoop: any EventLoop
    private let onEvent: @Sendable (PresenceClient.Event) -> Void

    private var state: ConnectionState
    private var channel: (any Channel)?
    /// Connections that were given up. The service takes the end of one for the end of the session, if it hears of it
    /// before the session goes on in another: so they end after that.
    private var silentChannels: [any Channel] = []
    private var connecting: Task<Void, Never>?
    /// Tells what comes from the present connection from what an earlier one left behind.
    private var attempt = 0
    /// Tells the service a late attempt of this client from a newer one.
    private let id = String(UInt64.random(in: .min ... .max), radix: 36)
    private var timer: (callback: NIOScheduledCallback, at: NIODeadline)?
    private var logouts: [CheckedContinuation<PresenceClientError?, Never>] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    /// - Parameter onEvent: called on the event loop: it must not block. The last event is the one that `isFinal`.
    package init(
        _ configuration: PresenceClient.Configuration, onEvent: @escaping @Sendable (PresenceClient.Event) -> Void
    ) {
        self.configuration = configuration
        self.onEvent = onEvent
        eventLoop = configuration.eventLoopGroup.next()
        state = ConnectionState(
            session: configuration.session,
            policy: ReconnectPolicy(pauseMin: configuration.pauseMin, pauseMax: configuration.pauseMax),
            heartbeatInterval: configuration.heartbeatInterval)
    }

    /// Connects, and again after every loss, until a final event or `close`.
    package nonisolated func start() {
        onEventLoop { $0.perform($0.state.start(now: .now())) }
    }

    /// Ends the pause before the next attempt, if there is one; else finds out at once whether the connection lives.
    package nonisolated func hurry() {
        onEventLoop { $0.perform($0.state.hurry(now: .now())) }
    }

    /// Ends without a logout.
    package nonisolated func close() {
        onEventLoop { $0.perform($0.state.close()) }
    }

    /// - Throws: if it is not known whether the session has ended.
    package nonisolated func logout() async throws(PresenceClientError) {
        let error = await withCheckedContinuation { caller in
            onEventLoop {
                $0.logouts.append(caller)
                $0.perform($0.state.logout(now: .now()))
            }
        }
        if let error { throw error }
    }

    private nonisolated func onEventLoop(_ body: @escaping @Sendable (isolated PresenceConnection) -> Void) {
        guard !eventLoop.inEventLoop else { return assumeIsolated(body) }
        eventLoop.execute { self.assumeIsolated(body) }
    }
}

extension PresenceConnection {
    private func perform(_ actions: [ConnectionState.Action]) {
        for action in actions {
            switch action {
            case .connect(let session): connect(resuming: session)
            case .send(.heartbeat): send(.text, Self.heartbeat)
            case .send(let message): send(.text, message.json)
            case .ping: send(.ping, ByteBuffer())
            case .drop(let reason):
                let silent = channel
                channel = nil
                lost(attempt, 1006, reason)
                if let silent { giveUp(silent) }
            case .answerLogout(let error): answerLogout(error)
            case .tell(let event):
                if event.isFinal { hangUp() }
                if case .connected = event { closeSilentChannels() }
                onEvent(event)
            }
        }
        setTimer()
    }

    private func connect(resuming session: String?) {
        attempt += 1
        let attempt = attempt
        connecting = Task {
            do {
                let token = try await token()
                guard attempt == self.attempt else { return }
                state.opens(now: .now())
                let (channel, upgraded) = try await configuration.connect(
                    on: eventLoop, resuming: session, attempt: "\(id).\(attempt)"
                ) {
                    FrameHandler { event in self.assumeIsolated { $0.handle(event, of: attempt) } }
                }
                guard attempt == self.attempt else { return giveUp(channel) }
                self.channel = channel
                // Written earlier it would be lost: the pipeline takes nothing while it changes.
                try await upgraded.get()
                guard attempt == self.attempt, let token else { return }
                send(.text, ClientMessage.token(token).json)
            } catch {
                lost(attempt, 1006, "\(error)")
            }
        }
    }

    /// nil where none is asked for.
    private func token() async throws -> String? {
        guard let ask = configuration.token else { return nil }
        let token = try await ask()
        if token.isEmpty { throw NoToken() }
        return token
    }

    private func handle(_ event: FrameHandler.Event, of attempt: Int) {
        guard attempt == self.attempt else { return }
        switch event {
        case .message(let message): perform(state.received(message, now: .now()))
        case .closed(let code, let reason): lost(attempt, code, reason)
        }
    }

    private func lost(_ attempt: Int, _ code: UInt16, _ reason: String) {
        guard attempt == self.attempt else { return }
        hangUp()
        perform(state.closed(code, reason: reason, now: .now()))
    }

    private func hangUp() {
        attempt += 1
        connecting?.cancel()
        connecting = nil
        channel?.close(promise: nil)
        channel = nil
        if state.hasEnded { closeSilentChannels() }
    }

    private func giveUp(_ silent: any Channel) {
        guard state.isComingBack else { return silent.close(promise: nil) }
        // The first may have the session; those behind it were never welcomed.
        if silentChannels.count == ClientRules.silentSocketsMax { silentChannels.remove(at: 1).close(promise: nil) }
        silentChannels.append(silent)
    }

    private func closeSilentChannels() {
        for channel in silentChannels { channel.close(promise: nil) }
        silentChannels = []
    }

    private func answerLogout(_ error: PresenceClientError?) {
        for caller in logouts { caller.resume(returning: error) }
        logouts = []
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        channel?.writeAndFlush(WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data), promise: nil)
    }

    private static let heartbeat = ClientMessage.heartbeat.json
}

private struct NoToken: Error, CustomStringConvertible {
    let description = "no token: the function gave none"
}

extension PresenceConnection: NIOScheduledCallbackHandler {
    /// One timer per client, never later than needed: set too early, it looks again when it fires.
    private func setTimer() {
        guard let deadline = state.nextDeadline else { return cancelTimer() }
        if let timer, timer.at <= deadline { return }
        cancelTimer()
        timer = (try? eventLoop.scheduleCallback(at: deadline, handler: self)).map { ($0, deadline) }
    }

    private func cancelTimer() {
        timer?.callback.cancel()
        timer = nil
    }

    package nonisolated func handleScheduledCallback(eventLoop: some EventLoop) {
        assumeIsolated {
            $0.timer = nil
            $0.perform($0.state.tick(now: .now()))
        }
    }
}
