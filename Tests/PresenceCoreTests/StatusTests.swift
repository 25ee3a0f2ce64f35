import PresenceCore
import Testing

@Suite struct StatusTests {
    static let table: [([Status], Status)] = [
        ([], .offline),
        ([.offline], .offline),
        ([.pushOnline], .pushOnline),
        ([.online], .online),
        ([.offline, .pushOnline], .pushOnline),
        ([.pushOnline, .online], .online),
        ([.online, .pushOnline, .offline], .online),
        ([.pushOnline, .pushOnline], .pushOnline),
    ]

    @Test("A user is Online if any session is, else PushOnline if any is, else Offline", arguments: table)
    func ofUser(_ sessions: [Status], _ expected: Status) {
        #expect(Status.ofUser(sessions) == expected)
    }

    @Test("A user's status is that of the sessions")
    func presence() throws {
        let user = try UserID("ann")
        var presence = UserPresence(user: user, version: 0, changedAtMs: nil, sessions: [])
        #expect(presence.status == .offline)
        presence.sessions = [
            session("Web:1", status: .online), session("iPhone:1", status: .pushOnline),
        ]
        #expect(presence.status == .online)
        presence.sessions.removeFirst()
        #expect(presence.status == .pushOnline)
    }
}

/// A session of a device (`<platform>:<instance>`) with a login time of one's choice.
func session(_ device: String, login loginAtMs: Int = 0, status: Status = .online) -> Session {
    let id = try! SessionID("\(device):g\(loginAtMs)")
    return Session(
        id: id, status: status, loginAtMs: loginAtMs, changedAtMs: loginAtMs, details: .unknown, worker: "a")
}
