import PresenceCore
import PresenceStore
import Testing

@testable import PresenceWorker

/// Transcripts of one shard's deliveries, without sockets or clocks.
@Suite("The delivery window of a shard")
struct DeliveryWindowTests {
    private func entry(_ number: Int, _ user: String) throws -> OutboxEntry {
        OutboxEntry(
            position: "\(number)-0",
            change: StatusChange(
                id: "event\(number)", user: try UserID(user), version: number, previous: number - 1, atMs: number,
                action: .login, reason: .register, session: try SessionID("Web:one:g\(number)"), status: .online,
                userStatus: .online))
    }

    private func window(_ users: String...) throws -> DeliveryWindow {
        var window = DeliveryWindow(fence: 1, serial: 1, cursor: "0-0")
        window.append(try users.enumerated().map { try entry($0.offset + 1, $0.element) })
        return window
    }

    @Test("Events of different users start together, those of one user one after the other")
    func order() throws {
        var window = try window("ann", "bob", "ann", "bob", "cat")
        #expect(window.start().map(\.position) == ["1-0", "2-0", "5-0"])
        #expect(window.start().isEmpty)
        #expect(window.finished("2-0", .delivered) == .settled)
        #expect(window.start().map(\.position) == ["4-0"])
        #expect(window.finished("1-0", .delivered) == .settled)
        #expect(window.start().map(\.position) == ["3-0"])
    }

    @Test("The cursor moves over the settled front only, never past an open event")
    func front() throws {
        var window = try window("ann", "bob", "cat")
        _ = window.start()
        _ = window.finished("2-0", .delivered)
        #expect(window.acknowledgeable == nil)
        _ = window.finished("1-0", .delivered)
        let front = try #require(window.acknowledgeable)
        #expect(front.upTo == "2-0" && front.count == 2 && front.refused.isEmpty)
        window.acknowledged(count: front.count)
        #expect(window.acknowledgeable == nil)
        #expect(window.room == WorkerLimits.windowUsersMax - 1)
        #expect(window.lastPosition == "3-0")
    }

    @Test("A failing event is tried again and again, and holds up its user only")
    func failing() throws {
        var window = try window("ann", "ann", "bob")
        _ = window.start()
        for attempt in 1...50 {
            let next = window.finished("1-0", .retry(afterMs: 7, detail: "down"))
            #expect(next == .retry(attempt: attempt, leastMs: 7))
        }
        #expect(window.finished("3-0", .delivered) == .settled)
        #expect(window.start().isEmpty, "ann's second event waits for her first")
    }

    @Test("Settled events behind an open one leave room for more, until the window is full")
    func roomBehind() throws {
        var window = try window("ann")
        _ = window.start()
        for number in 2...WorkerLimits.windowEventsMax {
            #expect(window.room > 0)
            window.append([try entry(number, "bob")])
            _ = window.start()
            _ = window.finished("\(number)-0", .delivered)
        }
        #expect(window.room == 0 && window.acknowledgeable == nil)
    }

    @Test("A refused event is tried a few times, then it is settled as a dead letter and the next goes on")
    func refused() throws {
        var window = try window("ann", "ann")
        _ = window.start()
        for attempt in 1..<WorkerLimits.refusalsMax {
            #expect(
                window.finished("1-0", .refused(detail: "400"))
                    == .retry(attempt: attempt, leastMs: WorkerLimits.refusedPauseMs))
        }
        #expect(window.finished("1-0", .refused(detail: "400")) == .settled)
        #expect(window.start().map(\.position) == ["2-0"])
        #expect(window.acknowledgeable?.refused == [RefusedEntry(position: "1-0", why: "400")])
    }

    @Test("What failed before otherwise counts for the pause, and not as a refusal")
    func failedThenRefused() throws {
        var window = try window("ann")
        _ = window.start()
        for _ in 1...9 { _ = window.finished("1-0", .retry(afterMs: nil, detail: "502")) }
        for attempt in 10..<(9 + WorkerLimits.refusalsMax) {
            #expect(
                window.finished("1-0", .refused(detail: "404"))
                    == .retry(attempt: attempt, leastMs: WorkerLimits.refusedPauseMs))
        }
        #expect(window.finished("1-0", .refused(detail: "404")) == .settled)
    }

    @Test("Events that wait behind a failing one of their user leave room for more, until the window is full")
    func roomBehindOneUser() throws {
        var window = try window("ann")
        _ = window.start()
        for number in 2...WorkerLimits.windowEventsMax {
            #expect(window.room > 0)
            window.append([try entry(number, "ann")])
        }
        #expect(window.room == 0 && window.start().isEmpty)
    }

    @Test("An entry that cannot be read is a dead letter at once and holds up nobody")
    func unreadable() throws {
        var window = DeliveryWindow(fence: 1, serial: 1, cursor: "0-0")
        window.append([OutboxEntry(position: "1-0", change: nil), try entry(2, "ann")])
        #expect(window.start().map(\.position) == ["2-0"])
        #expect(window.acknowledgeable?.upTo == "1-0")
        #expect(window.acknowledgeable?.refused.count == 1)
    }

    @Test("An outcome of an event the window does not hold changes nothing")
    func stranger() throws {
        var window = try window("ann")
        #expect(window.finished("9-0", .delivered) == nil)
        #expect(window.finished("1-0", .delivered) == nil, "it was not started")
        #expect(window.start().count == 1)
    }

    @Test("The pause doubles up to its limit, loses up to half by chance, and is never shorter than asked for")
    func pauses() {
        let full = (1...9).map { RetryDelay.milliseconds(afterAttempt: $0, leastMs: 0, jitter: 1) }
        #expect(full == [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000])
        #expect(RetryDelay.milliseconds(afterAttempt: 1, leastMs: 0, jitter: 0.5) == 100)
        #expect(RetryDelay.milliseconds(afterAttempt: 1, leastMs: 30_000) == 30_000)
        #expect(RetryDelay.milliseconds(afterAttempt: 1, leastMs: .max) == RetryDelay.askedMostMs)
        #expect(RetryDelay.milliseconds(afterAttempt: .max, leastMs: 0, jitter: 1) == RetryDelay.mostMs)
    }
}

@Suite("What the log says about the receiver")
struct ReceiverHealthTests {
    private let failure = DeliveryOutcome.retry(afterMs: nil, detail: "502")

    @Test("One line when it begins to fail and one when it is back, however many events wait")
    func once() {
        var health = ReceiverHealth()
        let failures = (1...99).compactMap { health.heard(failure, of: "event\($0)") }
        #expect(failures == [.fails(detail: "502")])
        let deliveries = (1...99).compactMap { health.heard(.delivered, of: "event\($0)") }
        #expect(deliveries == [.isBack])
    }

    @Test("None for an event that always fails, whether others are delivered or there are none")
    func one() {
        var health = ReceiverHealth()
        for number in 1...9 {
            for _ in 1...9 { #expect(health.heard(failure, of: "bad") == nil) }
            #expect(health.heard(.delivered, of: "good\(number)") == nil)
        }
    }
}

@Suite("Fair shares by rendezvous hashing")
struct RendezvousHashTests {
    private let workers = ["host-aaaaaa", "host-bbbbbb", "host-cccccc"]

    private func owners(_ live: [String]) -> [String?] { (0..<128).map { RendezvousHash.owner(of: $0, among: live) } }

    @Test("Every shard has exactly one owner, and every worker about its share")
    func shares() {
        let counts = workers.map { RendezvousHash.shards(of: $0, among: workers, shards: 128).count }
        #expect(counts.reduce(0, +) == 128)
        #expect(counts.allSatisfy { (25...60).contains($0) }, "\(counts)")
    }

    @Test("All workers compute the same, in whatever order they learned of each other")
    func agreement() {
        #expect(owners(workers) == owners(workers.reversed()))
        #expect(owners([]) == Array(repeating: nil, count: 128))
    }

    @Test("When a worker goes only its own shards move")
    func departure() {
        for (before, after) in zip(owners(workers), owners(Array(workers.dropLast()))) where before != workers[2] {
            #expect(before == after)
        }
    }
}
