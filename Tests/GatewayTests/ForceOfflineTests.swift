import RedisClient
import Support
import Testing

@Suite("Forced offline", .beside(workers: 2))
struct ForceOfflineTests {
    @Test("A login through any worker tells the session it displaces by whom, and closes it", arguments: 0...1)
    func displacedByBackend(worker: Int) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { client, _ in
            let newcomer = try await deployment.login(user, "Mac", at: worker)
            try await client.expectKicked(by: newcomer)
        }
        try await deployment.expectChanges(of: user, "Login/Register", "Login/Register")
        #expect(deployment.receiver.events(of: user).map(\.kicked) == [[], ["Windows"]])
        #expect(try await deployment.backend.status(user) == "Online")
    }

    @Test("So does a client that connects", arguments: 0...1)
    func displacedByClient(worker: Int) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user, "Android") { client, _ in
            try await deployment.withClient(user, "iPhone", at: worker, query: ["instance": "mine"]) {
                newcomer, welcome in
                try await client.expectKicked(by: welcome.session)
                try await deployment.expectChanges(of: user, "Login/Register", "Login/Register")
                #expect(deployment.receiver.events(of: user).map(\.kicked) == [[], ["Android"]])
                try await newcomer.expectHeartbeat()
            }
        }
    }

    @Test("A device that logs in again takes over from its earlier connection, and displaces nobody", arguments: 0...1)
    func superseded(worker: Int) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { client, first in
            try await deployment.withClient(user, at: worker) { again, second in
                #expect(second.session != first.session && !second.resumed)
                try await client.expectKicked(by: second.session)
                try await deployment.expectChanges(of: user, "Login/Register", "Login/Register")
                #expect(deployment.receiver.events(of: user).map(\.kicked) == [[], []])
                try await again.expectHeartbeat()
            }
        }
    }

    @Test("A session that a backend calls disconnected is gone for its client, who may come back", arguments: 0...1)
    func disconnected(worker: Int) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user) { client, welcome in
            _ = try await Backend(deployment.workers[worker]).disconnect(user, welcome.session)
            #expect(try await client.closing().code == 4100)
        }
        try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
    }

    @Test("An operator's kick through any worker tells the client the reason, if one was given", arguments: 0...1)
    func kicked(worker: Int) async throws {
        let deployment = try Deployment.ofSuite
        for reason in ["no spam, \"please\"", nil] {
            let user = newUser()
            try await deployment.withClient(user, "iPhone") { client, _ in
                try await deployment.kick(user, at: worker, reason: reason)
                try await client.expectKicked(by: nil, reason: reason)
            }
            try await deployment.expectChanges(of: user, "Login/Register", "Logout/Kicked")
            #expect(try await deployment.backend.status(user) == "Offline")
        }
    }

    @Test("A logout by the backend through any worker reaches the client as its own would", arguments: 0...1)
    func loggedOut(worker: Int) async throws {
        let (deployment, user) = (try Deployment.ofSuite, newUser())
        try await deployment.withClient(user, "Android") { client, welcome in
            _ = try await Backend(deployment.workers[worker]).logout(user, welcome.session)
            try await client.expectLoggedOut()
        }
        try await deployment.expectChanges(of: user, "Login/Register", "Logout/Unregister")
    }

    @Test("Devices the login policy allows side by side are left alone")
    func sideBySide() async throws {
        try await Deployment.with(Deployment.longTimeouts.merging(["login.policy": "dual"]) { $1 }) { deployment in
            try await deployment.withClient("ann", "Windows") { windows, _ in
                try await deployment.withClient("ann", "Web", at: 1) { web, _ in
                    try await deployment.withClient("ann", "Linux", at: 1) { _, linux in
                        try await windows.expectKicked(by: linux.session)
                        try await web.expectHeartbeat()
                    }
                }
            }
        }
    }
}

@Suite("Forced offline, and nobody can tell")
struct UntoldTests {
    private static let mute = ["--user", "mute", "on", ">secret", "~*", "+@all", "resetchannels"]

    @Test("Where workers may not use channels, the next heartbeat hears of the end, and coming back tells why")
    func mute() async throws {
        try await Deployment.with(redis: Self.mute, Deployment.longTimeouts, credentials: "mute:secret@") {
            deployment in
            try await deployment.withClient("ann") { client, welcome in
                let newcomer = try await deployment.login("ann", "Mac", at: 1)
                try await client.expectGone()
                try await deployment.withSocket("ann", query: ["session": welcome.session]) {
                    try await $0.expectKicked(by: newcomer)
                }
            }
            try await deployment.withClient("bob") { client, welcome in
                try await deployment.kick("bob", at: 1, reason: "spam")
                try await client.expectGone()
                try await deployment.withSocket("bob", query: ["session": welcome.session]) {
                    try await $0.expectKicked(by: nil)
                }
            }
            try await deployment.expectChanges(of: "ann", "Login/Register", "Login/Register")
            try await deployment.expectChanges(of: "bob", "Login/Register", "Logout/Kicked")
        }
    }

    @Test("A worker that lost its subscription finds what ended meanwhile when it has it back, and nothing else")
    func subscriptionLost() async throws {
        try await Deployment.with(workers: 1, Deployment.longTimeouts) { deployment in
            try await deployment.redis.withClient { redis in
                func order(_ words: String...) async throws {
                    _ = try await redis.send(RedisCommand(keyless: words[0], Array(words.dropFirst())))
                }
                try await deployment.withClient("ann") { ann, _ in
                    try await deployment.withClient("bob") { bob, _ in
                        try await order("ACL", "SETUSER", "presence", "resetchannels")
                        try await order("CLIENT", "KILL", "TYPE", "pubsub")
                        try await deployment.kick("ann", at: 0)
                        try await order("ACL", "SETUSER", "presence", "allchannels")
                        #expect(try await ann.closing().code == 4100)
                        try await bob.expectHeartbeat()
                    }
                }
                try await deployment.expectChanges(of: "ann", "Login/Register", "Logout/Kicked")
            }
        }
    }
}

extension RawWebSocket {
    /// A heartbeat is answered with the session's end.
    fileprivate func expectGone() async throws {
        say("heartbeat")
        #expect(try await closing().code == 4100)
    }
}
