import JSON
import PresenceCore
import PresenceStore

// What operators and load balancers get.

extension PresenceCounts: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("users") {
                for status in Status.live { $0.member(status.rawValue, users[status] ?? 0) }
            }
            $0.member("sessions") {
                for status in Status.live { $0.member(status.rawValue, members: Self.byName(sessions[status])) }
            }
        }
    }

    private static func byName(_ counts: [Platform: Int]?) -> (inout JSONWriter) -> Void {
        let sorted = (counts ?? [:]).sorted { $0.key.name < $1.key.name }
        return { json in
            for (platform, count) in sorted { json.member(platform.name, count) }
        }
    }
}

struct HealthResponse: JSONWritable {
    var status: String
    var readiness: Readiness?

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("status", status)
            guard let readiness else { return }
            if !readiness.reasons.isEmpty { $0.member("reasons", readiness.reasons) }
            if !readiness.notes.isEmpty { $0.member("notes", readiness.notes) }
            $0.member("settlementLagMs", readiness.settlementLagMs)
        }
    }
}
