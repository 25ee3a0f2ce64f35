import JSON
import Telemetry

/// What only the worker itself knows, for who looks at the service through it.
package struct WorkerLook: Sendable {
    package var name: String
    /// Whether keyspace notifications of each master came through at the last check.
    package var notifications: [String: Bool]
    /// Of changes this worker delivers: from the change to the first attempt to tell the receiver, and how long attempts
    /// took. nil where there is no receiver.
    package var firstAttempts: DurationCounts?
    package var attempts: DurationCounts?

    package init(
        name: String = "", notifications: [String: Bool] = [:], firstAttempts: DurationCounts? = nil,
        attempts: DurationCounts? = nil
    ) {
        self.name = name
        self.notifications = notifications
        self.firstAttempts = firstAttempts
        self.attempts = attempts
    }
}

/// How long something took lately, out of counts that only grow.
struct RecentDurations: Sendable {
    /// Looks that are kept: one a second, so of the last minute.
    static let looksMax = 60

    private var looks: [DurationCounts] = []

    mutating func add(_ look: DurationCounts?) {
        guard let look else {
            looks = []
            return
        }
        looks.append(look)
        if looks.count > Self.looksMax { looks.removeFirst() }
    }

    var lately: DurationCounts? {
        guard let first = looks.first, let last = looks.last else { return nil }
        return last.since(first)
    }
}

extension DurationCounts: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("count", Int(total))
            json.member("p50Ms", ifPresent: quantile(0.5).map { $0 * 1_000 })
            json.member("p99Ms", ifPresent: quantile(0.99).map { $0 * 1_000 })
        }
    }
}
