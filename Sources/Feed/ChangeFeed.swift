import Logging
import Logs
import NIOCore
import PresenceCore
import PresenceStore
import ServiceLifecycle
import Synchronization
import Telemetry

/// What a deployment chooses about the feed.
package struct FeedOptions: Sendable {
    /// Streams of one worker at once.
    package var streamsMax = 10_000
    /// Users of exports one worker looks at per second.
    package var exportedUsersPerSecondMax = 20_000

    package init() {}
}

/// Tells changes to all who follow: reads the logs of all shards, each once, while somebody does.
package actor ChangeFeed: Service, CustomStringConvertible {
    package nonisolated var description: String { "change feed" }

    nonisolated let store: PresenceStore
    nonisolated let options: FeedOptions
    nonisolated let frames: FeedFrames
    nonisolated let hub: FeedHub
    nonisolated let figures: FeedFigures
    nonisolated let catchUps = Turnstile(FeedLimits.catchUpsMax, waitingMax: FeedLimits.waitingMax)
    nonisolated let exports: ExportPace
    private nonisolated let logger: Logger
    private nonisolated let schedule: Mutex<ReadSchedule>
    private nonisolated let wakes = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private nonisolated let latest = Mutex<FeedCursor?>(nil)
    /// nil while nobody follows.
    private var reader: LogReader?
    /// Counts the readers: what an earlier one asked for is none of the next one's.
    private var epoch = 0
    private var failing: Set<ShardHome> = []

    /// - Parameter frames: how changes are written.
    package init(
        store: PresenceStore, options: FeedOptions = FeedOptions(), frames: FeedFrames,
        instruments: Instruments = .none, logger: Logger
    ) {
        self.store = store
        self.options = options
        self.frames = frames
        self.logger = logger
        figures = FeedFigures(instruments)
        exports = ExportPace(usersPerSecond: options.exportedUsersPerSecondMax)
        let hub = FeedHub(frames: frames, streamsMax: options.streamsMax, figures: figures)
        self.hub = hub
        schedule = Mutex(ReadSchedule(shards: store.keys.shards, now: .now))
        let streamsMax = options.streamsMax
        instruments.whenAsked {
            let counts = hub.counts
            return [
                Reading(.feedStreams, "all", is: counts.all), Reading(.feedStreams, "users", is: counts.ofUsers),
                Reading(.feedStreamsLimit, is: streamsMax), Reading(.feedQueuedBytes, is: hub.pending.count),
            ]
        }
    }

    /// Runs until told to stop, or cancelled: then it ends all streams at once, so that their readers go elsewhere.
    package func run() async throws {
        await withGracefulShutdownHandler {
            await cancelWhenGracefulShutdown { await self.work() }
        } onGracefulShutdown: {
            self.hub.stop()
        }
        hub.stop()
    }

    private func work() async {
        for await _ in wakes.stream where !Task.isCancelled {
            if reader != nil { await follow() }
        }
    }
}

// Following.
extension ChangeFeed {
    /// Makes sure that all that is committed from now on is told to those who have joined.
    /// - Returns: where somebody goes on who is told all from now on.
    /// - Throws: `StoreError` if Redis cannot be asked.
    func ensureFollowing() async throws(StoreError) -> FeedCursor {
        if let reader { return reader.cursor }
        let start = try await store.feedStart(ofAll: false)
        if let reader { return reader.cursor }
        begin(at: start)
        wakes.continuation.yield()
        return start
    }

    private func begin(at start: FeedCursor) {
        reader = LogReader(
            shards: store.keys.shards, start: start, retentionMs: store.options.eventsRetentionMs, now: .now)
        epoch += 1
        latest.withLock { $0 = start }
        schedule.withLock { $0 = ReadSchedule(shards: store.keys.shards, now: .now) }
    }

    /// Returns when nobody follows any more.
    private func follow() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.listen() }
            group.addTask { await self.beat() }
            group.addTask { await self.lookAfterData() }
            while !Task.isCancelled, !hub.isEmpty(for: FeedLimits.linger, now: .now) {
                let due = schedule.withLock { $0.next(now: .now, by: store.byHome) }
                for (home, part) in due { group.addTask { await self.read(part.shards, of: home, part.hinted) } }
                try? await Task.sleep(for: FeedLimits.tick)
            }
            reader = nil
            latest.withLock { $0 = nil }
            group.cancelAll()
        }
    }

    /// Hints only have shards read sooner.
    private nonisolated func listen() async {
        var heard = HeardShards()
        heard.followed = Set(0..<store.keys.shards)
        let (sets, continuation) = AsyncStream<HeardShards>.makeStream(bufferingPolicy: .bufferingNewest(1))
        continuation.yield(heard)
        for await hint in store.hints(of: sets) {
            switch hint {
            case .changes(let shard): schedule.withLock { $0.hint(CollectionOfOne(shard)) }
            case .lost: schedule.withLock { $0.lostHints() }
            case .due, .canary, .subscribed: break
            }
        }
    }

    /// Signs of life, whether or not Redis answers.
    private nonisolated func beat() async {
        var second = 0
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            hub.beat(second: second, cursor: latest.withLock(\.self), now: .now)
            second += 1
        }
    }

    /// Once a second, whether the data is what it was.
    private nonisolated func lookAfterData() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await lookAfter() }
    }

    private func lookAfter() async {
        guard let reader else { return }
        if let oldest = reader.watermark.oldestReading { hub.forgetFloors(before: oldest) }
        // Where it cannot be asked nothing is known to be lost.
        guard let id = try? await store.ensureDataID(), id != reader.cursor.dataID, self.reader != nil else { return }
        logger.warning(
            "What stands in Redis is not what it was: streams of changes end",
            metadata: .keyed([.count: "\(hub.counts.all + hub.counts.ofUsers)"]))
        hub.endAll(.changesMissed)
        guard let start = try? await store.feedStart(ofAll: false), self.reader != nil else { return }
        begin(at: start)
    }

    private func read(_ shards: Set<Shard>, of home: ShardHome, _ hinted: Set<Shard>) async {
        let epoch = epoch
        let read: Result<LogRead, StoreError>
        do throws(StoreError) {
            read = .success(
                try await store.readLogs(of: shards, limit: FeedLimits.eventsPerReadMax) { masterMs in
                    // The later our own clock is looked at, the earlier the place.
                    reader?.positions(of: shards, masterMs: masterMs, now: .now) ?? [:]
                })
        } catch {
            read = .failure(error)
        }
        // Reading has begun anew meanwhile.
        guard epoch == self.epoch else { return }
        let round =
            switch read {
            case .success(let read): take(read)
            case .failure(let error): LogReader.Round(failure: error)
            }
        schedule.withLock {
            $0.ended(
                home, hinted: hinted, found: round.found, late: round.late, behind: round.behind, now: .now)
        }
        note(round.failure, of: home)
    }

    private func take(_ read: LogRead) -> LogReader.Round {
        guard let round = reader?.take(read) else { return LogReader.Round() }
        latest.withLock { $0 = reader?.cursor }
        if !round.missed.isEmpty {
            logger.warning(
                "Changes may have been trimmed before they were told: streams of changes end",
                metadata: .keyed([.shards: "\(round.missed.count)"]))
            hub.endAll(.changesMissed)
        }
        figures.read.count(round.changes.count)
        for delay in round.delaysMs { figures.delay.record(milliseconds: delay) }
        hub.tell(round.changes, now: .now)
        return round
    }

    /// Logs when reading begins to fail, and when it goes on.
    private func note(_ failure: StoreError?, of home: ShardHome) {
        if let failure {
            if failing.isEmpty {
                logger.warning("The change feed cannot read some shards", metadata: .keyed([.error: "\(failure)"]))
            }
            failing.insert(home)
        } else if failing.remove(home) != nil, failing.isEmpty {
            logger.info("The change feed reads all shards again")
        }
    }
}

extension PresenceStore {
    /// Where somebody goes on who wants to be told all that is committed from now on: below it nothing can still come.
    /// - Parameter ofAll: whether all masters are to be asked; else those that answer are enough.
    /// - Throws: `StoreError` if they cannot be.
    func feedStart(ofAll: Bool) async throws(StoreError) -> FeedCursor {
        let id = try await ensureDataID()
        var earliestMs = Int.max
        var silence: StoreError?
        for result in await timesMs() {
            do throws(StoreError) { earliestMs = min(earliestMs, try result.get()) } catch { silence = error }
        }
        if let silence, ofAll || earliestMs == Int.max { throw silence }
        let overlapMs = Watermark.overlapMs(retentionMs: options.eventsRetentionMs)
        return FeedCursor(FeedPosition(ms: max(0, earliestMs - overlapMs)), dataID: id)
    }

    /// Of each master.
    func timesMs() async -> [Result<Int, StoreError>] {
        await withTaskGroup { group in
            for shard in shardOfEachMaster {
                group.addTask { () async -> Result<Int, StoreError> in
                    do throws(StoreError) { return .success(try await timeMs(at: shard)) } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
