import DequeModule
import Logging
import NIOCore
import PresenceCore
import PresenceStore

/// The connections of one event loop, and what they want of Redis.
actor GatewayLoop {
    private let eventLoop: any EventLoop
    private let executor: any TaskExecutor
    private let sessions: ClientSessions
    private let logger: Logger

    private var connections: [Link: ClientConnection] = [:]
    private var nextLink: Link
    private let linkStep: Int
    private(set) var isStopping = false
    private var jobs: Deque<Job> = []
    private var jobsRunning = 0
    /// Ends of sessions that Redis could not be told of.
    private var unrecorded: Deque<Job> = []
    private var cannotRecord = false
    private var isRetryDue = false
    private var beats: [Beat] = []

    private typealias Beat = (beat: Heartbeat, connection: ClientConnection)

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - index: of this loop among `count`; a link modulo `count` is the index of its loop.
    init(
        _ eventLoop: any EventLoop, index: Int, of count: Int, executor: any TaskExecutor,
        sessions: ClientSessions, logger: Logger
    ) {
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
    func beat(_ beat: Heartbeat, of connection: ClientConnection) {
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

    /// While Redis cannot be asked nobody gets an acknowledgement, and nobody is taken for gone.
    private func renew(_ batch: ArraySlice<Beat>) async {
        do {
            answer(batch, gone: Set(try await sessions.store.heartbeat(batch.map(\.beat))))
        } catch {
            logger.debug("Heartbeats are not recorded", metadata: ["count": "\(batch.count)", "error": "\(error)"])
        }
    }

    private func answer(_ batch: ArraySlice<Beat>, gone: Set<Heartbeat>) {
        for (beat, connection) in batch {
            connection.assumeIsolated { gone.contains(beat) ? $0.gone() : $0.acknowledged() }
        }
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
    /// Something to be done for a connection, at the latest until Redis has settled its session without it.
    struct Job {
        var work: ConnectionState.Work
        var request: ConnectRequest
        var connection: ClientConnection
        var deadline: NIODeadline
        /// Tries for all the others whether Redis answers again.
        var isProbe = false
    }

    /// Starts it as soon as few enough are under way: when thousands of sockets close at once, Redis must not be
    /// kept from answering heartbeats in time. Waiting ones are bounded by the sockets.
    func start(_ work: ConnectionState.Work, of request: ConnectRequest, for connection: ClientConnection) {
        let store = sessions.store
        let settledAfterMs = store.platforms[request.platform].heartbeat.timeoutMs + store.options.outageGraceMs
        enqueue(
            Job(
                work: work, request: request, connection: connection,
                deadline: .now() + .milliseconds(Int64(settledAfterMs))))
    }

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
        await perform(job)
        jobsRunning -= 1
        startNext()
    }

    private func perform(_ job: Job) async {
        let (request, connection) = (job.request, job.connection)
        switch job.work {
        case .open(let token):
            // A client that gave up may be back already: its late login would displace its newer one.
            guard await connection.isOpening else { return }
            await connection.opened(await sessions.open(request, token: token, link: connection.link))
        case .logout(let session):
            await connection.loggedOut(session, isRecorded: await sessions.logout(request.user, session))
        case .disconnect(let session):
            // Those who want in do not wait behind what cannot be done.
            guard job.isProbe || !cannotRecord else { return keep(job) }
            let isRecorded = await sessions.disconnect(request.user, session, link: connection.link)
            isRecorded ? enqueueUnrecorded() : keep(job)
        }
    }
}

// A client's end that is not recorded lets it look Online until its lease ends.
extension GatewayLoop {
    private func keep(_ job: Job) {
        guard !isStopping else { return }
        if !cannotRecord {
            logger.warning("Redis cannot be told that clients are gone; it will be when it answers")
        }
        cannotRecord = true
        // Beyond the limit the oldest are left to their leases.
        if unrecorded.count == GatewayLimits.unrecordedPerLoopMax { unrecorded.removeFirst() }
        unrecorded.append(job)
        unrecorded[unrecorded.count - 1].isProbe = false
        retryLater()
    }

    private func retryLater() {
        guard !isRetryDue else { return }
        isRetryDue = true
        let pause = TimeAmount.milliseconds(Int64.random(in: GatewayLimits.disconnectPauseMs))
        eventLoop.scheduleTask(in: pause) { self.assumeIsolated { $0.retry() } }
    }

    private func retry() {
        isRetryDue = false
        while var probe = unrecorded.popFirst() {
            guard NIODeadline.now() < probe.deadline else { continue }
            probe.isProbe = true
            return enqueue(probe)
        }
    }

    private func enqueueUnrecorded() {
        cannotRecord = false
        jobs.append(contentsOf: unrecorded)
        unrecorded = []
        for _ in 0..<GatewayLimits.jobsPerLoopMax { startNext() }
    }
}
