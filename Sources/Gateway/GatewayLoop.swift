import DequeModule
import Logging
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
    private var jobs = JobQueue<Job>(runningMax: GatewayLimits.jobsPerLoopMax)
    private var unrecorded = UnrecordedEnds()
    private var isProbeDue = false
    private var beats = HeartbeatBatches<Beat>(
        beatsPerBatchMax: GatewayLimits.heartbeatsPerBatchMax, timeout: GatewayLimits.unrecordedAfter)
    private var isLateCheckDue = false

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
    var isIdle: Bool { connections.isEmpty && jobs.isIdle }

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
        guard beats.add((beat, connection)) else { return }
        eventLoop.scheduleTask(in: GatewayLimits.heartbeatWindow) { self.assumeIsolated { $0.sendBeats() } }
    }

    private func sendBeats() {
        for batch in beats.send(now: .now()) {
            Task(executorPreference: executor) { await self.renew(batch) }
        }
        checkForLate()
    }

    private func renew(_ batch: HeartbeatBatches<Beat>.Batch) async {
        do {
            let gone = Set(try await sessions.store.heartbeat(batch.beats.map(\.beat)))
            _ = beats.answered(batch)
            answer(batch.beats, gone: gone)
        } catch {
            logger.debug(
                "Heartbeats are not recorded", metadata: ["count": "\(batch.beats.count)", "error": "\(error)"])
            if beats.answered(batch) { answerUnrecorded(batch.beats) }
        }
    }

    /// While Redis cannot be asked nobody gets an acknowledgement, and nobody is taken for gone: they hear that their
    /// sockets live, before they would give these up, however long the store goes on trying.
    private func checkForLate() {
        guard !isLateCheckDue, let deadline = beats.deadline else { return }
        isLateCheckDue = true
        eventLoop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.answerLate() } }
    }

    private func answerLate() {
        isLateCheckDue = false
        for batch in beats.takeLate(now: .now()) { answerUnrecorded(batch.beats) }
        checkForLate()
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
        for batch in live.slices(of: GatewayLimits.heartbeatsPerBatchMax) {
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
        case open(ClientConnection, issuedAtMs: Int?)
        case logout(UserSession, ClientConnection)
        case end(SessionEnd, isProbe: Bool)
    }

    /// - Parameter issuedAtMs: when the client's token was, Unix time in milliseconds; nil where none was asked for.
    func open(_ connection: ClientConnection, issuedAtMs: Int?) {
        enqueue(.open(connection, issuedAtMs: issuedAtMs))
    }

    func logout(_ session: UserSession, for connection: ClientConnection) {
        enqueue(.logout(session, connection))
    }

    func disconnect(_ session: UserSession, for connection: ClientConnection) {
        let timing = sessions.store.platforms[session.session.platform].heartbeat
        let end = SessionEnd(
            user: session.user, session: session.session, link: connection.link,
            deadline: .now() + .milliseconds(Int64(timing.timeoutMs + timing.graceMs)))
        enqueue(.end(end, isProbe: false))
    }

    /// Starts it as soon as few enough are under way: when thousands of sockets close at once, Redis must not be
    /// kept from answering heartbeats in time. Waiting ones are bounded by the sockets.
    private func enqueue(_ job: Job) {
        if let next = jobs.add(job) { start(next) }
    }

    private func start(_ job: Job) {
        Task(executorPreference: executor) { await self.run(job) }
    }

    private func run(_ job: Job) async {
        switch job {
        case .open(let connection, let issuedAtMs):
            // A client that gave up may be back already: its late login would displace its newer one.
            if let request = await connection.opening {
                await connection.opened(await sessions.open(request, issuedAtMs: issuedAtMs, link: connection.link))
            }
        case .logout(let session, let connection):
            await connection.loggedOut(
                session.session, isRecorded: await sessions.logout(session.user, session.session))
        case .end(let end, let isProbe): await record(end, isProbe: isProbe)
        }
        if let next = jobs.finished() { start(next) }
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
