import PresenceStore
import Synchronization
import Telemetry

/// What the background work tells of what it did.
final class WorkerFigures: Sendable {
    let takeovers: EventCounter
    let graces: EventCounter
    let firstAttemptDelay: DurationHistogram
    let deadLettered: EventCounter
    let deadLettersDropped: EventCounter
    /// Hints that sessions are due, and that there are changes to deliver.
    let due: HintFigures
    let changes: HintFigures

    init(_ instruments: Instruments) {
        takeovers = instruments.counter(.takeovers)
        graces = instruments.counter(.graces)
        firstAttemptDelay = instruments.histogram(.firstAttemptDelay)
        deadLettered = instruments.counter(.deadLettered)
        deadLettersDropped = instruments.counter(.deadLettersDropped)
        due = HintFigures("due", instruments)
        changes = HintFigures("changes", instruments)
    }
}

/// Of what use notifications of one kind are.
final class HintFigures: Sendable {
    private enum Outcome: String, CaseIterable {
        /// There was work to do where it pointed.
        case useful
        /// It was done by then.
        case useless
        /// Another one had pointed there a moment before.
        case merged
    }

    private let counters: EventCounters<Outcome>
    /// Where hints point that were not followed yet.
    private let pending = Mutex<Set<Shard>>([])

    init(_ kind: String, _ instruments: Instruments) {
        counters = instruments.counters(.notifications, Outcome.allCases) { [kind, $0.rawValue] }
    }

    func heard(_ shard: Shard) {
        let isFirst = pending.withLock { $0.insert(shard).inserted }
        if !isFirst { counters.count(.merged) }
    }

    /// The shard was looked at.
    /// - Parameter isWork: whether there was something to do.
    func followed(_ shard: Shard, isWork: Bool) {
        guard pending.withLock({ $0.remove(shard) }) != nil else { return }
        counters.count(isWork ? .useful : .useless)
    }
}
