/// The faults that can be planted in the service, and which runs find each.
package enum PlantedRuns {
    private static let simulation = Trial.simulation.rawValue

    package static let all: [String: [String]] = [
        "repeated-call-two-changes": ["redis-reply-lost", simulation, Trial.faultPoints.rawValue],
        "login-done-twice": [simulation],
        "grace-by-slow-round": [simulation],
        "acknowledged-unread": [simulation],
        "stuck-behind-failing": [simulation],
    ]
}
