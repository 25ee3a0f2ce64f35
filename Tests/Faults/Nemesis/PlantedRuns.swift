/// The faults that can be planted in the service, and which runs find each.
package enum PlantedRuns {
    package static let simulation = "simulation"

    package static let all: [String: [String]] = [
        "repeated-call-two-changes": ["redis-reply-lost", simulation],
        "login-done-twice": [simulation],
        "grace-by-slow-round": [simulation],
        "acknowledged-unread": [simulation],
        "stuck-behind-failing": [simulation],
    ]
}
