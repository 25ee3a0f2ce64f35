import Feed
import Inspection
import JSON
import NIOCore
import PresenceCore
import PresenceStore
import ServiceLifecycle
import Synchronization

/// Looks at the service once a second for all who watch through this worker, and not at all while nobody does. A viewer
/// that reads too slowly misses looks.
package actor OverviewWatch: Service {
    /// Tells all changes of the service from now on, until its task is cancelled.
    typealias Hear = @Sendable (_ heard: @escaping @Sendable ([FeedChange]) -> Void) async -> Void
    typealias Frames = AsyncThrowingStream<ByteBuffer, any Error>

    private struct Viewer {
        let filter: ChangeFilter
        let frames: Frames.Continuation
    }

    /// Who look at the same time through one worker.
    static let viewersMax = 500
    private static let period: Duration = .seconds(1)
    /// Looks a slow viewer may be behind.
    private static let framesMax = 4
    /// Looks from one at the Redis servers to the next.
    private static let nodeLooks = 5
    /// Shards that are asked all they know with every look; with more of them that is done less often.
    private static let shardsPerLook = 512
    /// Looks from which on what was heard between them is what happened.
    private static let looksUnheard = 2

    private let store: PresenceStore
    private let readiness: @Sendable () -> Readiness
    private let worker: @Sendable () async -> WorkerLook
    private let hear: Hear
    private let tally = Mutex(ChangeTally())

    private var viewers: [Int: Viewer] = [:]
    private var lastViewer = 0
    private var isStopped = false
    private var ticking: Task<Void, Never>?
    private var looks = 0
    private var heardAt: ContinuousClock.Instant?
    /// As the last looks at them found it.
    private var service: ServiceOverview?
    private var nodes: [RedisNode] = []
    private var cursors: [Shard: String] = [:]
    private var current: OverviewLook?
    private var currentFrame: ByteBuffer?
    private var course = OverviewCourse()
    private var firstAttempts = RecentDurations()
    private var attempts = RecentDurations()
    /// A look for who asks once.
    private var single: (look: Task<OverviewLook, Never>, at: ContinuousClock.Instant)?

    init(
        store: PresenceStore, readiness: @escaping @Sendable () -> Readiness,
        worker: @escaping @Sendable () async -> WorkerLook, hear: @escaping Hear
    ) {
        self.store = store
        self.readiness = readiness
        self.worker = worker
        self.hear = hear
    }

    /// The group logs its services.
    package nonisolated var description: String { "overview" }

    /// Ends what is streamed when the service stops, so that the server need not wait for it.
    package func run() async {
        try? await gracefulShutdown()
        stop()
    }

    private func stop() {
        isStopped = true
        for viewer in viewers.values { viewer.frames.end() }
        viewers = [:]
    }

    /// The service as of now, for who asks once: those who ask within a second share a look.
    func look() async -> OverviewLook {
        if ticking != nil, let current { return current }
        if let single, .now - single.at < Self.period { return await single.look.value }
        let task = Task { await makeLook(isWhole: true) }
        single = (task, .now)
        return await task.value
    }

    /// What a viewer is to see: how it went lately, then a look a second.
    /// - Returns: nil where too many look already.
    func frames(_ filter: ChangeFilter) -> Frames? {
        guard viewers.count < Self.viewersMax else { return nil }
        lastViewer += 1
        let number = lastViewer
        let (frames, continuation) = Frames.makeStream(bufferingPolicy: .bufferingNewest(Self.framesMax))
        guard !isStopped else {
            continuation.end()
            return frames
        }
        continuation.onTermination = { _ in Task { await self.left(number) } }
        var first = ServerSentEvent.opening
        first.writeImmutableBuffer(ServerSentEvent.frame("course", course))
        if ticking != nil, let currentFrame { first.writeImmutableBuffer(currentFrame) }
        continuation.yield(first)
        viewers[number] = Viewer(filter: filter, frames: continuation)
        if ticking == nil { ticking = Task { await tickWhileWatched() } }
        return frames
    }

    private func left(_ number: Int) { viewers[number] = nil }
}

// While somebody watches.
extension OverviewWatch {
    private func tickWhileWatched() async {
        let hearing = Task {
            await hear { changes in
                self.tally.withLock { tally in
                    for heard in changes {
                        tally.add(heard.change, shard: heard.position.shard, position: heard.position.inStream)
                    }
                }
            }
        }
        heardAt = .now
        var next = ContinuousClock.now
        while !viewers.isEmpty {
            await tick()
            next = max(next + Self.period, .now)
            try? await Task.sleep(until: next, clock: .continuous)
        }
        hearing.cancel()
        looks = 0
        (current, currentFrame, heardAt) = (nil, nil, nil)
        (firstAttempts, attempts) = (RecentDurations(), RecentDurations())
        tally.withLock { $0 = ChangeTally() }
        ticking = nil
    }

    private func tick() async {
        var look = await makeLook(isWhole: false)
        looks += 1
        let heard = tally.withLock { $0.take() }
        // What is heard at first is older.
        let rates = rates(heard)
        if looks > Self.looksUnheard { look.rates = rates }
        firstAttempts.add(look.worker.firstAttempts)
        attempts.add(look.worker.attempts)
        (look.firstAttempts, look.attempts) = (firstAttempts.lately, attempts.lately)
        look.viewers = viewers.count
        current = look
        if let service = look.service, let users = look.counts?.users {
            course.add(.init(atMs: service.atMs, users: users, rates: look.rates ?? [:]))
        }
        let done = tally.withLock { $0.done(by: cursors) }
        tell(look, heard, done)
    }

    /// - Parameter isWhole: nothing of it is from the look before.
    private func makeLook(isWhole: Bool) async -> OverviewLook {
        let isNewOfShards = isWhole || looks % max(1, store.keys.shards / Self.shardsPerLook) == 0
        async let counts = store.countsOrReason()
        async let facts = isNewOfShards ? store.healthOrReason() : nil
        let isNewOfNodes = isWhole || looks % Self.nodeLooks == 0
        async let nodes = isNewOfNodes ? RedisNode.all(of: store) : nil
        async let worker = worker()
        var look = OverviewLook(readiness: readiness(), worker: await worker)
        switch await counts {
        case .success(let counts): look.counts = counts
        case .failure(let error): look.trouble = error.message
        }
        switch await facts {
        case .success(let facts)?:
            service = ServiceOverview(facts, shards: store.keys.shards)
            cursors = facts.shards.mapValues(\.cursor)
        case .failure(let error)?:
            (service, cursors) = (nil, [:])
            look.trouble = error.message
        case nil: break
        }
        if let nodes = await nodes { self.nodes = nodes }
        (look.service, look.nodes) = (service, self.nodes)
        return look
    }

    private func rates(_ heard: ChangeTally.Heard) -> [Reason: Double] {
        let seconds = heardAt.map { (.now - $0) / .seconds(1) } ?? 1
        heardAt = .now
        return heard.counts.mapValues { Double($0) / max(seconds, 0.1) }
    }

    private func tell(_ look: OverviewLook, _ heard: ChangeTally.Heard, _ done: [Int]) {
        let overview = ServerSentEvent.frame("overview", look)
        currentFrame = overview
        var frames: [ChangeFilter: ByteBuffer] = [:]
        for viewer in viewers.values {
            let frame =
                frames[viewer.filter]
                ?? {
                    var (frame, changes) = (overview, Self.changes(heard, done, viewer.filter))
                    frame.writeBuffer(&changes)
                    return frame
                }()
            frames[viewer.filter] = frame
            viewer.frames.yield(frame)
        }
    }
}

extension OverviewWatch {
    private static func changes(_ heard: ChangeTally.Heard, _ done: [Int], _ filter: ChangeFilter) -> ByteBuffer {
        let (rows, more) = heard.rows(filter)
        return ServerSentEvent.frame("changes", ChangesFrame(rows: rows, more: more, done: done))
    }
}

extension OverviewWatch.Frames.Continuation {
    /// As the streams of the feed end: the worker stops.
    fileprivate func end() {
        yield(ServerSentEvent.end(.stopping))
        finish()
    }
}

/// The changes since the look before: the latest, how many more there were, and which of those told before are done.
private struct ChangesFrame: JSONWritable {
    let rows: [ChangeTally.Row]
    let more: Int
    let done: [Int]

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("rows", rows)
            json.member("more", more)
            json.member("done", done)
        }
    }
}

extension PresenceStore {
    fileprivate func countsOrReason() async -> Result<PresenceCounts, StoreError> {
        do throws(StoreError) { return .success(try await counts()) } catch { return .failure(error) }
    }

    fileprivate func healthOrReason() async -> Result<HealthFacts, StoreError> {
        do throws(StoreError) { return .success(try await health()) } catch { return .failure(error) }
    }
}
