import Support
import Testing

/// One life of every platform through the table of rules, with two workers sharing one Redis and the calls going
/// to both in turn.
@Suite("A session's life")
struct LifeTests {
    struct Row: Sendable {
        let platform: String
        /// The status after a closed connection or a silence.
        let lost: String
        let silenceReason: String
    }

    static let rows = [
        Row(platform: "Android", lost: "PushOnline", silenceReason: "TimeOut"),
        Row(platform: "iPhone", lost: "PushOnline", silenceReason: "TimeOut"),
        Row(platform: "iPad", lost: "PushOnline", silenceReason: "TimeOut"),
        Row(platform: "Windows", lost: "Offline", silenceReason: "TimeOut"),
        Row(platform: "Mac", lost: "Offline", silenceReason: "TimeOut"),
        Row(platform: "Linux", lost: "Offline", silenceReason: "TimeOut"),
        Row(platform: "Web", lost: "Offline", silenceReason: "LinkClose"),
        Row(platform: "MiniProgram", lost: "Offline", silenceReason: "LinkClose"),
    ]

    @Test("Every platform goes through every row of the rules, seen by query and callback alike")
    func everyRow() async throws {
        try await Deployment.with(workers: 2) { deployment in
            try await withThrowingTaskGroup { group in
                for row in Self.rows {
                    group.addTask { try await live(row, deployment) }
                }
                try await group.waitForAll()
            }
        }
    }

    private func live(_ row: Row, _ deployment: Deployment) async throws {
        let backend = deployment.backend
        let user = "life-of-\(row.platform)"
        #expect(try await backend.status(user) == "Offline", "\(row.platform): never seen")

        // Opens and logs in: Online at once.
        var session = try await backend.session(user, row.platform)
        #expect(try await backend.status(user) == "Online", "\(row.platform): logged in")

        // The connection is closed: PushOnline or Offline at once.
        let closed = try await backend.disconnect(user, session)
        #expect(closed.body["status"].string == row.lost, "\(row.platform): connection closed")
        #expect(try await backend.status(user) == row.lost)

        // Comes back, keeps heartbeating beyond the timeout: stays Online.
        session = try await backend.session(user, row.platform)
        let beats = ContinuousClock.now + .seconds(6)
        try await eventually(else: "\(row.platform): the heartbeats took too long") {
            let answer = try await backend.heartbeat([(user, session)])
            #expect(answer.body["renewed"].int == 1, "\(row.platform): heartbeat \(answer.text)")
            #expect(try await backend.status(user) == "Online", "\(row.platform): heartbeating")
            return ContinuousClock.now > beats
        }

        // Falls silent: stays Online until the timeout, then it is settled.
        let silence = ContinuousClock.now
        try await eventually(else: "\(row.platform): silence was not noticed") {
            try await backend.status(user) == row.lost
        }
        let timeout: Duration = row.silenceReason == "LinkClose" ? .seconds(4) : .seconds(5)
        #expect(ContinuousClock.now - silence > timeout - .milliseconds(600), "\(row.platform): settled too early")
        let late = try await backend.heartbeat([(user, session)])
        #expect(late.body["gone"][0]["session"].string == session, "\(row.platform): a late heartbeat hears it is gone")

        // Reachable by push only, nobody logs in: Offline after the retention.
        if row.lost == "PushOnline" {
            try await eventually(else: "\(row.platform): PushOnline did not expire") {
                try await backend.status(user) == "Offline"
            }
        }

        // Logs in and out: Offline at once.
        session = try await backend.session(user, row.platform)
        #expect(try await backend.logout(user, session).body["status"].string == "Offline")
        #expect(try await backend.status(user) == "Offline", "\(row.platform): logged out")

        try await heard(row, user, deployment.receiver)
    }

    /// The receiver was told the same story, each change once, in order, without a gap.
    private func heard(_ row: Row, _ user: String, _ receiver: CallbackReceiver) async throws {
        var story = [
            "Login/Register", "Disconnect/LinkClose", "Login/Register", "Disconnect/\(row.silenceReason)",
        ]
        if row.lost == "PushOnline" { story.append("Logout/Expired") }
        story += ["Login/Register", "Logout/Unregister"]
        try await eventually(else: "\(row.platform): heard \(receiver.changes(of: user))") {
            receiver.changes(of: user).count >= story.count
        }
        let events = receiver.events(of: user)
        #expect(events.map(\.change) == story, "\(row.platform)")
        #expect(events[1].status == row.lost && events[3].status == row.lost, "\(row.platform)")
        #expect(events.allSatisfy { $0.platform == row.platform })
        #expect(events[0].previous == 0)
        for (one, next) in zip(events, events.dropFirst()) {
            #expect(next.previous == one.version && next.version > one.version, "\(row.platform): a gap")
        }
    }

    @Test("A client that comes back before its old connection's close is seen stays Online, without a Disconnect")
    func overtakenClose() async throws {
        try await Deployment.with(workers: 2) { deployment in
            let backend = deployment.backend
            let old = try await backend.session("ann", "Android")
            let new = try await backend.session("ann", "Android")
            let close = try await backend.disconnect("ann", old)
            #expect(close.body["superseded"].bool == true)
            #expect(try await backend.status("ann") == "Online")
            #expect(try await backend.heartbeat([("ann", old)]).body["renewed"].int == 0)
            #expect(try await backend.heartbeat([("ann", new)]).body["renewed"].int == 1)
            _ = try await backend.logout("ann", new)
            try await eventually(else: "heard \(deployment.receiver.changes(of: "ann"))") {
                deployment.receiver.changes(of: "ann").count == 3
            }
            let story = ["Login/Register", "Login/Register", "Logout/Unregister"]
            #expect(deployment.receiver.changes(of: "ann") == story)
            #expect(deployment.receiver.events(of: "ann")[1].kicked.isEmpty)
        }
    }

    @Test("A login displaces the sessions its policy excludes and reports them, and only there")
    func displacement() async throws {
        try await Deployment.with(workers: 2, ["login.policy": "dual"]) { deployment in
            let backend = deployment.backend
            let phone = try await backend.session("bob", "iOS")
            _ = try await backend.session("bob", "Web")
            let answer = try await backend.login("bob", "Windows")
            #expect(answer.body["kicked"][0]["platform"].string == "iPhone")
            #expect(answer.body["kicked"][0]["session"].string == phone)
            #expect(answer.body["kicked"].list.count == 1)
            #expect(try await backend.heartbeat([("bob", phone)]).body["gone"][0]["session"].string == phone)
            try await eventually(else: "no events") { deployment.receiver.events(of: "bob").count == 3 }
            let events = deployment.receiver.events(of: "bob")
            #expect(events.map(\.change) == ["Login/Register", "Login/Register", "Login/Register"])
            #expect(events.map(\.kicked) == [[], [], ["iOS"]])
        }
    }

    @Test("Under reject the newcomer is refused and told who stands in the way; nothing changes")
    func reject() async throws {
        try await Deployment.with(workers: 2, ["login.on-limit": "reject"]) { deployment in
            let backend = deployment.backend
            let mac = try await backend.session("eve", "Mac")
            let refused = try await backend.login("eve", "Linux")
            #expect(refused.status == 409)
            #expect(refused.text.contains(mac))
            let user = try await backend.call(.get, "/v1/users/eve")
            #expect(user.body["sessions"].list.map { $0["session"].string } == [mac])
            #expect(try await backend.session("eve", "Mac") != mac, "the same device may log in again")
        }
    }

    @Test("A kick ends the matching sessions, each with an event of its own")
    func kick() async throws {
        try await Deployment.with(workers: 2, ["login.policy": "multi"]) { deployment in
            let backend = deployment.backend
            for platform in ["Android", "Web", "Mac"] { _ = try await backend.session("cat", platform) }
            #expect(try await backend.kick("cat", platform: "Mac").body["kicked"].list.count == 1)
            #expect(try await backend.kick("cat").body["kicked"].list.count == 2)
            #expect(try await backend.status("cat") == "Offline")
            try await eventually(else: "no events") { deployment.receiver.events(of: "cat").count == 6 }
            let ends = deployment.receiver.events(of: "cat").dropFirst(3)
            #expect(ends.map(\.change) == Array(repeating: "Logout/Kicked", count: 3))
            #expect(ends.last?.userStatus == "Offline")
        }
    }
}
