import PresenceStore

/// Which shards are read when. Pure: time is passed in.
///
/// A hint has its shard read at once, a full pass reads all of them: once a second where hints can be trusted, else four
/// times. What that costs Redis is bounded, also with thousands of shards.
struct ReadSchedule: Sendable {
    typealias Instant = ContinuousClock.Instant

    static let fullPause: Duration = .seconds(1)
    static let fullPauseUnhinted: Duration = .milliseconds(250)
    static let distrust: Duration = .seconds(30)

    private let shards: Int
    private var due: Set<Shard> = []
    /// Those of them a hint or a reading that was not to the end points at.
    private var hinted: Set<Shard> = []
    private var atWork: [ShardHome: Set<Shard>] = [:]
    private var fullAt: Instant
    /// Not before: so that the reads per second are bounded.
    private var freeAt: Instant
    private var isProven = false
    private var distrustedUntil: Instant?

    init(shards: Int, now: Instant) {
        self.shards = shards
        fullAt = now
        freeAt = now
    }

    /// Whether hints come: one has led to something new, and nothing new was found late without one.
    var areHintsTrusted: Bool { isProven && distrustedUntil == nil }

    mutating func hint(_ shards: some Sequence<Shard>) {
        due.formUnion(shards)
        hinted.formUnion(shards)
    }

    /// Hints do not come any more.
    mutating func lostHints() { isProven = false }

    /// The shards to read now, by their masters. One master that does not answer holds up no other.
    mutating func next(
        now: Instant, by homes: (Set<Shard>) -> [ShardHome: Set<Shard>]
    ) -> [ShardHome: (shards: Set<Shard>, hinted: Set<Shard>)] {
        if let end = distrustedUntil, end <= now { distrustedUntil = nil }
        guard now >= freeAt else { return [:] }
        if now >= fullAt {
            due.formUnion(0..<shards)
            let pause = areHintsTrusted ? Self.fullPause : Self.fullPauseUnhinted
            fullAt = now + max(pause, Self.took(shards))
        }
        let busy = atWork.values.reduce(into: Set()) { $0.formUnion($1) }
        let free = due.subtracting(busy)
        guard !free.isEmpty else { return [:] }
        let rounds = homes(free).filter { atWork[$0.key] == nil }
        var reads = 0
        var next: [ShardHome: (shards: Set<Shard>, hinted: Set<Shard>)] = [:]
        for (home, shards) in rounds {
            atWork[home] = shards
            due.subtract(shards)
            next[home] = (shards, hinted.intersection(shards))
            hinted.subtract(shards)
            reads += shards.count
        }
        freeAt = now + Self.took(reads)
        return next
    }

    /// How long so many reads may take at least.
    private static func took(_ reads: Int) -> Duration {
        .microseconds(reads * 1_000_000 / FeedLimits.readsPerSecondMax)
    }

    /// - Parameters:
    ///   - hinted: those of its shards a hint had pointed at.
    ///   - found: those with something new.
    ///   - late: those of them whose news were older than a hint takes.
    mutating func ended(
        _ home: ShardHome, hinted: Set<Shard>, found: Set<Shard>, late: Set<Shard>, behind: Set<Shard>, now: Instant
    ) {
        atWork[home] = nil
        // What is behind is no hint: it proves nothing.
        due.formUnion(behind)
        if !hinted.isDisjoint(with: found) { isProven = true }
        if isProven, !late.subtracting(hinted).isEmpty { distrustedUntil = now + Self.distrust }
    }
}
