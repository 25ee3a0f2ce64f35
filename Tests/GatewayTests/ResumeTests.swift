import Support
import Testing

@Suite("Coming back for a session", .beside(workers: 2))
struct ResumeTests {
    @Test(
        "While it is Online it goes on through any worker without an event; the old socket is moved", arguments: 0...1)
    func resumed(worker: Int) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { old, first in
            try await deployment.withClient(user, at: worker, query: ["session": first.session]) { new, second in
                #expect(second.resumed && second.session == first.session && second.version == first.version)
                #expect(try await old.closing().code == 4004)
                try await deployment.expectChanges(of: user, "Login/Register")
                #expect(try await deployment.backend.status(user) == "Online")
                try await new.expectHeartbeat()
            }
        }
        try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
        #expect(try await deployment.backend.status(user) == "Offline")
    }

    @Test("A request that was overtaken by a later one of its client is closed, and the later one stays")
    func overtaken() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user, query: ["attempt": "me.2"]) { client, welcome in
            for session in ["", welcome.session] {
                let query: KeyValuePairs = ["attempt": "me.1", "session": session]
                try await deployment.withSocket(user, at: 1, query: query) { late in
                    let closing = try await late.closing()
                    #expect(closing.code == 4004)
                }
            }
            try await deployment.expectChanges(of: user, "Login/Register")
            try await client.expectHeartbeat()
        }
        try await deployment.withSocket(user, query: ["attempt": "me"]) {
            try await $0.expectRefusal("invalid-field", closes: 4002)
        }
    }

    @Test("The old socket may also end by itself, in the moment the new one is there: nothing happens")
    func crossing() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { old, first in
            try await deployment.withClient(user, at: 1, query: ["session": first.session]) { new, _ in
                try await old.end(reset: true)
                try await deployment.expectChanges(of: user, "Login/Register")
                try await new.expectHeartbeat()
            }
        }
    }

    @Test("A session that was lost meanwhile is logged in anew", arguments: ["Windows", "Android"])
    func lost(platform: String) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let first = try await deployment.withClient(user, platform) { $1 }
        try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
        #expect(try await deployment.backend.status(user) == (platform == "Android" ? "PushOnline" : "Offline"))
        try await deployment.withClient(user, platform, at: 1, query: ["session": first.session]) { _, second in
            #expect(!second.resumed && second.session != first.session && second.version > first.version)
            try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose", "Login/Register")
            #expect(deployment.receiver.events(of: user).allSatisfy { $0.kicked.isEmpty })
        }
    }

    @Test("So is one that was logged out, and one that is nobody's")
    func over() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let session = try await deployment.login(user, "Web", at: 0)
        _ = try await deployment.backend.logout(user, session)
        for session in [session, "Web:default:nobodys"] {
            try await deployment.withClient(user, "Web", query: ["session": session]) { client, welcome in
                #expect(!welcome.resumed && welcome.session != session)
                client.say("logout")
                try await client.expectLoggedOut()
            }
        }
    }

    @Test("A session displaced meanwhile hears by whom, and displaces nobody", arguments: [false, true])
    func displaced(wasLost: Bool) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user, "Android") { newcomer, _ in
            try await newcomer.end(reset: false)
        }
        try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
        let old = try await deployment.login(user, "Windows", at: 0)
        if wasLost { _ = try await deployment.backend.disconnect(user, old) }
        try await deployment.withClient(user, "Mac", at: 1) { newcomer, welcome in
            try await deployment.withSocket(user, query: ["session": old]) {
                try await $0.expectKicked(by: welcome.session)
            }
            #expect(deployment.receiver.changes(of: user).last == "Login/Register")
            let detail = try await deployment.backend.statuses([user], detail: true)
            #expect(detail.body["results"][0]["sessions"].list.map { $0["session"].string } == [welcome.session])
            try await newcomer.expectHeartbeat()
        }
    }

    @Test("A session an operator ended meanwhile stays ended, also one that was lost before", arguments: [false, true])
    func kicked(wasLost: Bool) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        let session = try await deployment.login(user, "Android", at: 0)
        if wasLost { _ = try await deployment.backend.disconnect(user, session) }
        try await deployment.kick(user, at: 1)
        try await deployment.withSocket(user, "Android", query: ["session": session]) {
            try await $0.expectKicked(by: nil)
        }
        #expect(try await deployment.backend.status(user) == "Offline")
    }

    @Test("A session of another platform or instance is refused, and left alone")
    func otherDevice() async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { client, welcome in
            let others: [(String, KeyValuePairs<String, String>)] = [
                ("Mac", ["session": welcome.session]), ("Windows", ["session": welcome.session, "instance": "other"]),
            ]
            for (platform, query) in others {
                try await deployment.withSocket(user, platform, query: query) { socket in
                    let message = try await socket.messageAnswer()
                    #expect(message["code"].string == "invalid-field" && message["field"].string == "session")
                    #expect(try await socket.closing().code == 4002)
                }
            }
            try await client.expectHeartbeat()
        }
    }

    @Test("A session goes on although its worker died, and although its worker finds out late")
    func workerLost() async throws {
        try await Deployment.with(Deployment.longTimeouts) { deployment in
            try await deployment.withClient("ann") { client, first in
                try await deployment.workers[0].kill()
                #expect(try await client.closeCode() == 1006)
                try await deployment.withClient("ann", at: 1, query: ["session": first.session]) { _, second in
                    #expect(second.resumed && second.version == first.version)
                    try await deployment.expectChanges(of: "ann", "Login/Register")
                }
            }
        }
    }

    @Test("An old socket that is half open changes nothing when its worker, which was told nothing, finds out")
    func halfOpen() async throws {
        let mute = ["--user", "mute", "on", ">secret", "~*", "+@all", "resetchannels"]
        try await Deployment.with(redis: mute, Deployment.longTimeouts, credentials: "mute:secret@") { deployment in
            try await FaultProxy.withProxy(to: deployment.workers[0].port) { proxy in
                let target = Deployment.target("ann", "Windows")
                try await RawWebSocket.with(port: proxy.port, target) { old in
                    let first = try await old.welcome()
                    proxy.stall()
                    try await deployment.withClient("ann", at: 1, query: ["session": first.session]) { new, second in
                        #expect(second.resumed)
                        let before = try deployment.workers[0].descriptors
                        proxy.refuse()
                        try await eventually(else: "the worker still has the socket") {
                            try deployment.workers[0].descriptors < before
                        }
                        try await deployment.expectChanges(of: "ann", "Login/Register")
                        #expect(try await deployment.backend.status("ann") == "Online")
                        try await new.expectHeartbeat()
                    }
                }
            }
        }
    }

    @Test("Where logins over the limit are rejected, one who comes back and finds another is rejected too")
    func rejected() async throws {
        try await Deployment.with(Deployment.longTimeouts.merging(["login.on-limit": "reject"]) { $1 }) { deployment in
            let lost = try await deployment.withClient("ann") { $1 }
            try await deployment.expectChanges(of: "ann", "Login/Register", "Disconnect/LinkClose")
            try await deployment.withClient("ann", "Mac", at: 1) { client, _ in
                for query: KeyValuePairs in [["session": lost.session], [:]] {
                    try await deployment.withSocket("ann", query: query) {
                        try await $0.expectRefusal("login-rejected", closes: 4003)
                    }
                }
                try await client.expectHeartbeat()
            }
        }
    }
}
