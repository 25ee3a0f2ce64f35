import PresenceCore
import PresenceStore
import Testing

@testable import PresenceWorker

/// The event with this number as it stands in a stream; its session's generation is `g<number>`.
func entry(_ number: Int, _ user: String, at position: String? = nil) throws -> OutboxEntry {
    OutboxEntry(
        position: position ?? "\(number)-0",
        change: StatusChange(
            id: "g\(number)-\(number)", user: try UserID(user), version: number, previous: number - 1, atMs: number,
            action: .login, reason: .register, session: try SessionID("Web:one:g\(number)"), status: .online,
            userStatus: .online))
}

/// What is there, also where it took a change to get it.
func some<Value>(_ value: Value?) throws -> Value { try #require(value) }

/// What a worker does with one shard or some, without sockets or clocks: every call is a line of a transcript.
struct DeliveryTranscript {
    var state: DeliveryState
    private(set) var now = ContinuousClock.now
    /// What the log would hear.
    private(set) var news: [String] = []

    init(inFlightMax: Int = 8, _ change: (inout DeliveryPaces) -> Void = { _ in }) {
        var paces = DeliveryPaces()
        change(&paces)
        state = DeliveryState(paces: paces, inFlightMax: inFlightMax)
    }

    /// Opens a shard whose outbox holds one event for each of these users, numbered from 1; `""` cannot be read.
    mutating func open(_ users: [String], shard: Shard = 0, aside: [OutboxEntry] = []) throws {
        let outbox = OpenOutbox(
            cursor: OutboxEntry(position: "0-0", change: nil), isCursorThere: false, nowMs: 1_000_000,
            wasMended: false)
        state.open(shard, fence: 1, outbox, aside: aside, now)
        let entries = try users.enumerated().map { number, user in
            user.isEmpty
                ? OutboxEntry(position: "\(number + 1)-0", change: nil) : try entry(number + 1, user)
        }
        #expect(read(entries, shard: shard) != .moved)
    }

    @discardableResult
    mutating func read(_ entries: [OutboxEntry], shard: Shard = 0) -> DeliveryState.Reading {
        guard let serial = state.shards[shard]?.serial else { return .moved }
        let before = state.shards[shard]?.window.isLastThere == true ? state.shards[shard]?.window.last : nil
        let known = before.map { last in
            // The last one read before is read again, as it stands in Redis.
            OutboxEntry(position: last.position, change: try? entry(Int(last.position.dropLast(2)) ?? 0, "any").change)
        }
        return take((known.map { [$0] } ?? []) + entries, shard: shard, serial: serial)
    }

    /// Takes in what is read from the last event on.
    mutating func take(_ entries: [OutboxEntry], shard: Shard = 0, serial: Int) -> DeliveryState.Reading {
        var left = state.openLeft
        return state.take(shard, serial: serial, entries, left: &left)
    }

    mutating func pass(_ duration: Duration) {
        now += duration
        state.tick(now)
    }

    /// Starts what may start, of which there is something.
    mutating func startOne() throws -> DeliveryAttempt { try some(start().first) }

    /// Starts all that may start.
    mutating func start() -> [DeliveryAttempt] {
        state.tick(now)
        var attempts: [DeliveryAttempt] = []
        while let attempt = state.next(now) { attempts.append(attempt) }
        return attempts
    }

    mutating func end(_ attempt: DeliveryAttempt, _ outcome: DeliveryOutcome) { end(attempt, .outcome(outcome)) }

    mutating func end(_ attempt: DeliveryAttempt, _ end: DeliveryAttemptEnd) {
        guard let news = state.ended(attempt, end, now) else { return }
        switch news {
        case .setAside: self.news.append("aside")
        case .keepsFailing: self.news.append("keeps failing")
        case .dead: self.news.append("dead")
        }
    }

    /// Plays for so long, in steps: starts what may start and ends it as told.
    /// - Returns: the attempts, as `ann1` for the event 1 of ann.
    @discardableResult
    mutating func play(
        _ duration: Duration, step: Duration = .milliseconds(100), _ outcome: (DeliveryAttempt) -> DeliveryOutcome
    ) -> [String] {
        var made: [String] = []
        let end = now + duration
        while now < end {
            for attempt in start() {
                made.append(attempt.text)
                self.end(attempt, outcome(attempt))
            }
            pass(step)
        }
        return made
    }

    /// Acknowledges what can be, and copies what is set aside, as Redis would.
    /// - Returns: the acknowledgement, if there was any.
    @discardableResult
    mutating func acknowledge(shard: Shard = 0) -> DoneEvents? {
        guard let events = state.fronts(of: [shard])[shard], let serial = state.shards[shard]?.serial else {
            return nil
        }
        let copies = events.aside.map { "900000\($0)" }
        #expect(
            state.acknowledged(shard, serial: serial, events, .acknowledged(aside: copies), now) == .done)
        return events
    }

    /// What became of events set aside.
    func finished(shard: Shard = 0) -> [FinishedAside] { state.shards[shard]?.finished ?? [] }

    func isAside(_ user: String, shard: Shard = 0) throws -> Bool {
        state.shards[shard]?.isAside(try UserID(user)) ?? false
    }
}

extension DeliveryAttempt {
    /// `ann1`: whose event it is, and which, where that is known before it is read.
    var text: String {
        switch source {
        case .window: "\(user)\(change?.version ?? 0)"
        case .aside(let entry): "\(user)@\(entry)"
        }
    }
}

extension DeliveryOutcome {
    static let down = DeliveryOutcome.retry(afterMs: nil, detail: "502")
    static let no = DeliveryOutcome.refused(detail: "404")
}
