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
    private let sessions: ClientSessions
    nonisolated let figures: GatewayFigures
    private let logger: Logger

    private var connections: [Link: ClientConnection] = [:]
    private var nextLink: Link
    private let linkStep: Int
    private(set) var isStopping = false
    /// What waits for each Redis server: one that does not answer holds up nobody whose session another one has.
    private var lanes: [ShardHome: Lane] = [:]
    private var beats = HeartbeatBatches<Beat>(
        beatsPerBatchMax: GatewayLimits.heartbeatsPerBatchMax, timeout: GatewayLimits.unrecordedAfter)
    private var isLateCheckDue = false

    private typealias Beat = (beat: UserSession, connection: ClientConnection)

    private struct Lane {
        var jobs = JobQueue<Job>(runningMax: GatewayLimits.jobsPerLaneMax)
        var unrecorded = UnrecordedEnds()
        var isProbeDue = false

        var isIdle: Bool { jobs.isIdle && !unrecorded.isOutage && !isProbeDue }
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - index: of this loop among `count`; a link modulo `count` is the index of its loop.
    init(
        _ eventLoop: any EventLoop, index: Int, of count: Int, executor: any TaskExecutor,
        admission: Admission, sessions: ClientSessions, figures: GatewayFigures,
        logger: Logger
    ) {
        self.admission = admission
        self.eventLoop = eventLoop
        self.executor = executor
        self.sessions = sessions
        self.figures = figures
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

    /// Bytes that wait for clients to read them. Others have their turns meanwhile: sockets are many.
    func queuedBytes() async -> Int {
        var bytes = 0
        for links in Array(connections.keys).slices(of: GatewayLimits.socketsPerLookMax) {
            for link in links { bytes += queuedBytes(of: link) }
            await Task.yield()
        }
        return bytes
    }

    private func queuedBytes(of link: Link) -> Int { connections[link]?.assumeIsolated { $0.queuedBytes } ?? 0 }

    /// Nothing is left to do.
    var isIdle: Bool { connections.isEmpty && lanes.values.allSatisfy(\.jobs.isIdle) }

    /// The worker stops: closes the sockets one by one over a while, so that their clients do not all come back at
    /// once.
    func stop(over drainMs: Int) {
        isStopping = true
        for home in lanes.keys { enqueue(lanes[home]?.unrecorded.takeAll() ?? [], in: home) }
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
        for batch in beats.send(now: .now(), parts: { sessions.store.byHome($0) { $0.beat.user } }) {
            Task(executorPreference: executor) { await self.renew(batch) }
        }
        checkForLate()
    }

    private func renew(_ batch: HeartbeatBatches<Beat>.Batch) async {
        let answer = await sessions.store.heartbeat(batch.beats.map(\.beat), via: .socket)
        if let first = answer.failed.first {
            logger.debug(
                "Heartbeats are not recorded",
                metadata: .keyed([.count: "\(answer.failed.count)", .error: "\(first.error)"]))
        }
        self.answer(
            batch.beats, gone: Set(answer.gone), failed: Set(answer.failed.map(\.session)),
            isInTime: beats.answered(batch))
    }

    private func answer(
        _ batch: ArraySlice<Beat>, gone: Set<UserSession>, failed: Set<UserSession>, isInTime: Bool
    ) {
        for (beat, connection) in batch {
            connection.assumeIsolated { connection in
                if gone.contains(beat) { return connection.gone() }
                if !failed.contains(beat) { return connection.acknowledged() }
                if isInTime { connection.unrecorded() }
            }
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

    private func answerUnrecorded(_ batch: ArraySlice<Beat>) {
        for (_, connection) in batch { connection.assumeIsolated { $0.unrecorded() } }
    }

    /// Looks for sessions that ended while notices could not be heard.
    /// - Returns: why Redis could not be asked for some; those find out at their next heartbeat.
    func checkSessions() async -> StoreError? {
        var failure: StoreError?
        for batch in liveSessions().slices(of: GatewayLimits.heartbeatsPerBatchMax) where !Task.isCancelled {
            let answer = await sessions.store.ended(among: batch.map(\.beat))
            let ended = Set(answer.gone)
            for (session, connection) in batch where ended.contains(session) { await connection.gone() }
            failure = answer.failed.first?.error ?? failure
        }
        return failure
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
        case open(ClientConnection, UserID, issuedAtMs: Int?)
        case logout(UserSession, ClientConnection)
        case end(SessionEnd, isProbe: Bool)

        var user: UserID {
            switch self {
            case .open(_, let user, _): user
            case .logout(let session, _): session.user
            case .end(let end, _): end.user
            }
        }
    }

    /// - Parameter issuedAtMs: when the client's token was, Unix time in milliseconds; nil where none was asked for.
    func open(_ connection: ClientConnection, for user: UserID, issuedAtMs: Int?) {
        enqueue(.open(connection, user, issuedAtMs: issuedAtMs))
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

    private func enqueue(_ job: Job) {
        let home = sessions.store.home(of: job.user)
        // Servers come and go.
        if lanes[home] == nil { lanes = lanes.filter { !$0.value.isIdle } }
        enqueue(job, in: home)
    }

    /// Starts it as soon as few enough are under way: when thousands of sockets close at once, Redis must not be
    /// kept from answering heartbeats in time. Waiting ones are bounded by the sockets.
    private func enqueue(_ job: Job, in home: ShardHome) {
        if let next = lanes[home, default: Lane()].jobs.add(job) { start(next, in: home) }
    }

    private func start(_ job: Job, in home: ShardHome) {
        Task(executorPreference: executor) { await self.run(job, in: home) }
    }

    private func run(_ job: Job, in home: ShardHome) async {
        switch job {
        case .open(let connection, _, let issuedAtMs):
            // A client that gave up may be back already: its late login would displace its newer one.
            if let request = await connection.opening {
                await connection.opened(await sessions.open(request, issuedAtMs: issuedAtMs, link: connection.link))
            }
        case .logout(let session, let connection):
            await connection.loggedOut(
                session.session, isRecorded: await sessions.logout(session.user, session.session))
        case .end(let end, let isProbe): await record(end, isProbe: isProbe, in: home)
        }
        if let next = lanes[home]?.jobs.finished() { start(next, in: home) }
    }
}

// A client's end that is not recorded lets it look Online until its lease ends.
extension GatewayLoop {
    private func record(_ end: SessionEnd, isProbe: Bool, in home: ShardHome) async {
        let shard = sessions.store.keys.shard(of: end.user)
        // Those who want in do not wait behind what cannot be done. A stopping worker has no later.
        guard isProbe || isStopping || lanes[home]?.unrecorded.isOutage(shard) != true else {
            return keep(end, of: shard, in: home)
        }
        guard await sessions.disconnect(end.user, end.session, link: end.link) else {
            return keep(end, of: shard, in: home)
        }
        enqueue(lanes[home]?.unrecorded.takeAll(of: shard) ?? [], in: home)
        // Other shards of the server may be served again, too.
        if isProbe { probe(home) }
    }

    private func keep(_ end: SessionEnd, of shard: Shard, in home: ShardHome) {
        guard !isStopping else { return }
        if lanes[home]?.unrecorded.isOutage != true {
            logger.warning("Redis cannot be told that clients are gone; it will be when it answers")
        }
        lanes[home]?.unrecorded.keep(end, of: shard)
        probeLater(home)
    }

    private func probeLater(_ home: ShardHome) {
        guard lanes[home]?.isProbeDue == false else { return }
        lanes[home]?.isProbeDue = true
        let pause = TimeAmount.milliseconds(Int64.random(in: GatewayLimits.disconnectPauseMs))
        eventLoop.scheduleTask(in: pause) {
            self.assumeIsolated {
                $0.lanes[home]?.isProbeDue = false
                $0.probe(home)
            }
        }
    }

    private func probe(_ home: ShardHome) {
        if let end = lanes[home]?.unrecorded.probe(now: .now()) { enqueue(.end(end, isProbe: true), in: home) }
    }

    private func enqueue(_ ends: some Sequence<SessionEnd>, in home: ShardHome) {
        for end in ends { enqueue(.end(end, isProbe: false), in: home) }
    }
}
