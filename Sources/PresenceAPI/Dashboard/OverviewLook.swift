import Inspection
import JSON
import PresenceCore
import PresenceStore
import Telemetry

/// The service at one moment, as it is told to who watches.
struct OverviewLook: Sendable {
    /// nil where the Redis server that has the list of workers cannot be asked.
    var service: ServiceOverview?
    /// nil unless all Redis servers can be asked.
    var counts: PresenceCounts?
    /// What could not be asked and why, as a sentence.
    var trouble: String?
    var nodes: [RedisNode] = []
    /// Changes per second of the whole service since the look before; nil where nobody listened.
    var rates: [Reason: Double]?
    var readiness: Readiness
    var worker: WorkerLook
    var firstAttempts: DurationCounts?
    var attempts: DurationCounts?
    var viewers = 0
}

extension OverviewLook: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("version", PresenceVersion.current)
            json.member("trouble", ifPresent: trouble)
            json.member("counts", ifPresent: counts)
            if let rates { json.member("changesPerSecond", rates.byName) }
            service?.members(&json)
            json.member("redis", nodes)
            json.member("thisWorker") { json in
                json.member("worker", worker.name)
                json.member("status", readiness.reasons.isEmpty ? "ready" : "unready")
                json.member("reasons", readiness.reasons)
                json.member("notes", readiness.notes)
                json.member("settlementLagMs", readiness.settlementLagMs)
                json.member("notifications", worker.notifications)
                json.member("firstAttempts", ifPresent: firstAttempts)
                json.member("attempts", ifPresent: attempts)
                json.member("viewers", viewers)
            }
        }
    }
}

extension [Reason: Double] {
    /// With one digit behind the point.
    var byName: [String: Double] {
        Reason.allCases.reduce(into: [:]) { $0[$1.rawValue] = ((self[$1] ?? 0) * 10).rounded() / 10 }
    }
}

/// How totals and rates went lately, as far as somebody watched.
struct OverviewCourse: Sendable {
    /// Ten minutes of looks a second apart.
    static let pointsMax = 600

    struct Point: Sendable {
        let atMs: Int
        let users: [Status: Int]
        let rates: [Reason: Double]
    }

    private(set) var points: [Point] = []

    mutating func add(_ point: Point) {
        if points.count == Self.pointsMax { points.removeFirst() }
        points.append(point)
    }
}

extension OverviewCourse: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("statuses", Status.live.map(\.rawValue))
            json.member("reasons", Reason.allCases.map(\.rawValue))
            json.member("points", points)
        }
    }
}

/// A row: time, users by status, changes per second by reason, in the order the course names them.
extension OverviewCourse.Point: JSONWritable {
    func write(to json: inout JSONWriter) {
        let rates = rates.byName
        json.array(
            [Double(atMs)] + Status.live.map { Double(users[$0] ?? 0) }
                + Reason.allCases.map { rates[$0.rawValue] ?? 0 })
    }
}
