import DequeModule
import Logging
import Logs
import NIOCore
import PresenceCore
import PresenceStore

/// The connections of one event loop, and what they want of Redis.
actor GatewayLoop {
    private let eventLoop: any EventLoop
    private let executor: any TaskExecutor
    nonisolated let admission: Admission
    nonisolated let tokens: ClientTokens
    private let sessions: ClientSessions
    private let logger: Logger

    private var connections: [Link: ClientConnection] = [:]
    private var nextLink: Link
    private let linkStep: Int
    private(set) var isStopping = false
    private var jobs: Deque<Job> = []
    private var jobsRunning = 0
    private var unrecorded = UnrecordedEnds()
    private var isProbeDue = false
    private var beats: [Beat] = []

    private typealias Beat = (beat: UserSession, connection: ClientConnection)

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - index: of this loop among `count`; a link modulo `count` is the index of its loop.
    init(
        _ eventLoop: any EventLoop, index: Int, of count: Int, executor: any TaskExecutor,
        admission: Admission, tokens: ClientTokens, sessions: ClientSessions, logger: Logger
    ) {
        self.admission = admission
        self.tokens = tokens
        self.eventLoop = eventLoop
        self.executor = executor
        self.sessions = sessions
        self.logger = logger
        nextLink = index
        linkStep = count
    }

    /// Makes a connection with a link of its own, to be found by it until it is removed.
    func add(_ make: (Link) -> ClientConnection) -> ClientConnection {
        let connection = make(nextLink)
        connections[nextLink] = connection
        nextLink += linkStep
        return connection
    }

    func remove(_ connection: ClientConnection) { connections[connection.link] = nil }

    /// Nothing is left to do.
    var isIdle: Bool { connections.isEmpty && jobs.isEmpty && jobsRunning == 0 }

    /// The worker stops: closes the sockets one by one over a while, so that their clients do not all come back at
    /// once.
    func stop(over drainMs: Int) {
        isStopping = true
        enqueueUnrecorded()
        for connection in connections.values {
            let delay = TimeAmount.milliseconds(Int64.random(in: 0...Int64(drainMs)))
            connection.assumeIsolated { $0.stop(in: delay) }
        }
    }

    /// A word about the session a connection serves.
    func tell(_ notice: Notice) {
        connections[notice.link]?.assumeIsolated { $0.told(notice.what) }
    }

    /// Renews a lease; the heartbeats of a few turns of the loop go out in one write.
    func beat(_ beat: UserSession, of connection: ClientConnection) {
        beats.append((beat, connection))
        guard beats.count == 1 else { return }
        eventLoop.scheduleTask(in: GatewayLimits.heartbeatWindow) { self.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        let due = beats
        beats = []
        for start in stride(from: 0, to: due.count, by: GatewayLimits.heartbeatsPerBatchMax) {
            let batch = due[start..<min(start + GatewayLimits.heartbeatsPerBatchMax, due.count)]
            Task(executorPreference: executor) { await self.renew(batch) }
        }
    }

    /// While Redis cannot be asked nobody gets an acknowledgement, and nobody is taken for gone: they hear that their
    /// sockets live, before they would give these up, however long the store goes on trying.
    private func renew(_ batch: ArraySlice<Beat>) async {
        let late = NIODeadline.now() + GatewayLimits.unrecordedAfter
        let telling = eventLoop.scheduleTask(deadline: late) { self.assumeIsolated { $0.answerUnrecorded(batch) } }
        do {
            let gone = Set(try await sessions.store.heartbeat(batch.map(\.beat)))
            telling.cancel()
            answer(batch, gone: gone)
        } catch {
            logger.debug(
                "Heartbeats are not recorded", metadata: .keyed([.count: "\(batch.count)", .error: "\(error)"]))
            guard .now() < late else { return }
            telling.cancel()
            answerUnrecorded(batch)
        }
    }

    private func answer(_ batch: ArraySlice<Beat>, gone: Set<UserSession>) {
        for (beat, connection) in batch {
            connection.assumeIsolated { gone.contains(beat) ? $0.gone() : $0.acknowledged() }
        }
    }

    private func answerUnrecorded(_ batch: ArraySlice<Beat>) {
        for (_, connection) in batch { connection.assumeIsolated { $0.unrecorded() } }
    }

    /// Looks for sessions that ended while notices could not be heard.
    func checkSessions() async throws(StoreError) {
        let live = liveSessions()
        for start in stride(from: 0, to: live.count, by: GatewayLimits.heartbeatsPerBatchMax) {
            let batch = live[start..<min(start + GatewayLimits.heartbeatsPerBatchMax, live.count)]
            let ended = Set(try await sessions.store.ended(among: batch.map(\.beat)))
            for (session, connection) in batch where ended.contains(session) { await connection.gone() }
        }
    }

    private func liveSessions() -> [Beat] {
        connections.values.compactMap { connection in
            connection.assumeIsolated { $0.session }.map { ($0, connection) }
        }
    }
}

// What takes time in connections' lives.
extension GatewayLoop {
    private enum Job {
        case open(ConnectRequest, issuedAtMs: Int?, ClientConnection)
        case logout(ConnectRequest, SessionID, ClientConnection)
        case end(SessionEnd, isProbe: Bool)
    }

    /// - Parameter issuedAtMs: when the client's token was, Unix time in milliseconds; nil where none was asked for.
    func open(_ request: ConnectRequest, issuedAtMs: Int?, for connection: ClientConnection) {
        enqueue(.open(request, issuedAtMs: issuedAtMs, connection))
    }

    func logout(_ session: SessionID, of request: ConnectRequest, for connection: ClientConnection) {
        enqueue(.logout(request, session, connection))
    }

    func disconnect(_ session: SessionID, of request: ConnectRequest, for connection: ClientConnection) {
        let timing = sessions.store.platforms[request.platform].heartbeat
        let end = SessionEnd(
            user: request.user, session: session, link: connection.link,
            deadline: .now() + .milliseconds(Int64(timing.timeoutMs + timing.graceMs)))
        enqueue(.end(end, isProbe: false))
    }

    /// Starts it as soon as few enough are under way: when thousands of sockets close at once, Redis must not be
    /// kept from answering heartbeats in time. Waiting ones are bounded by the sockets.
    private func enqueue(_ job: Job) {
        jobs.append(job)
        startNext()
    }

    private func startNext() {
        guard jobsRunning < GatewayLimits.jobsPerLoopMax, let job = jobs.popFirst() else { return }
        jobsRunning += 1
        Task(executorPreference: executor) { await self.run(job) }
    }

    private func run(_ job: Job) async {
        switch job {
        case .open(let request, let issuedAtMs, let connection):
            // A client that gave up may be back already: its late login would displace its newer one.
            if await connection.isOpening {
                await connection.opened(await sessions.open(request, issuedAtMs: issuedAtMs, link: connection.link))
            }
        case .logout(let request, let session, let connection):
            await connection.loggedOut(session, isRecorded: await sessions.logout(request.user, session))
        case .end(let end, let isProbe): await record(end, isProbe: isProbe)
        }
        jobsRunning -= 1
        startNext()
    }
}

// A client's end that is not recorded lets it look Online until its lease ends.
extension GatewayLoop {
    private func record(_ end: SessionEnd, isProbe: Bool) async {
        // Those who want in do not wait behind what cannot be done. A stopping worker has no later.
        guard isProbe || isStopping || !unrecorded.isOutage else { return keep(end) }
        if await sessions.disconnect(end.user, end.session, link: end.link) { enqueueUnrecorded() } else { keep(end) }
    }

    private func keep(_ end: SessionEnd) {
        guard !isStopping else { return }
        if !unrecorded.isOutage {
            logger.warning("Redis cannot be told that clients are gone; it will be when it answers")
        }
        unrecorded.keep(end)
        probeLater()
    }

    private func probeLater() {
        guard !isProbeDue else { return }
        isProbeDue = true
        let pause = TimeAmount.milliseconds(Int64.random(in: GatewayLimits.disconnectPauseMs))
        eventLoop.scheduleTask(in: pause) { self.assumeIsolated { $0.probe() } }
    }

    private func probe() {
        isProbeDue = false
        if let end = unrecorded.probe(now: .now()) { enqueue(.end(end, isProbe: true)) }
    }

    private func enqueueUnrecorded() {
        for end in unrecorded.takeAll() { enqueue(.end(end, isProbe: false)) }
    }
}
