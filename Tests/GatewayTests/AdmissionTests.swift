import Foundation
import RedisClient
import Support
import Testing

@Suite("Admission")
struct AdmissionTests {
    private func with(
        _ settings: [String: String], body: (Deployment) async throws -> Void
    ) async throws {
        try await Deployment.with(workers: 1, Deployment.longTimeouts.merging(settings) { $1 }, body: body)
    }

    @Test("Pages of the origins listed may connect, and what is no page; others are closed with 4005")
    func origins() async throws {
        try await with(["connect.origins": "https://example.org,http://localhost:8000"]) { deployment in
            for origin in ["https://example.org", "http://localhost:8000", nil] {
                try await deployment.withClient("ann", headers: ["Origin": origin]) { _, _ in }
            }
            let others = [
                "https://evil.example", "http://example.org", "https://example.org.evil.example", "http://localhost",
                "https://example.org:8443", "null", "",
            ]
            for origin in others {
                try await deployment.withSocket("bob", headers: ["Origin": origin]) {
                    try await $0.expectRefusal("unauthorized", closes: 4005)
                }
            }
            try await deployment.expectChanges(of: "bob")
        }
    }

    @Test("An address may have so many sockets; when one has left there is room again")
    func socketsPerAddress() async throws {
        try await with(["connect.sockets-per-address-max": "2"]) { deployment in
            try await deployment.withClient("ann") { _, _ in
                try await deployment.withClient("bob") { _, _ in
                    try await deployment.withSocket("eve") { try await $0.expectRefusal("overloaded", closes: 4104) }
                }
                try await deployment.expectRoom(for: "eve")
            }
        }
    }

    @Test("A worker takes so many clients; others are asked to come back after a while")
    func sockets() async throws {
        try await with(["connect.sockets-max": "1"]) { deployment in
            try await deployment.withClient("ann") { _, _ in
                for _ in 0..<3 {
                    let closing = try await deployment.withSocket("eve") {
                        try await $0.refusal("overloaded", closes: 1013)
                    }
                    #expect(try closing.comeBackAfterMs <= 5_000)
                }
            }
            try await deployment.expectRoom(for: "eve")
        }
    }

    @Test("A worker takes so many clients per second; others are asked to come back after a while")
    func rate() async throws {
        try await with(["connect.rate-max": "1"]) { deployment in
            let closings = try await withThrowingTaskGroup { group in
                for number in 0..<20 {
                    group.addTask {
                        try await deployment.withSocket("user-\(number)") { socket in
                            let message = try await socket.messageAnswer()
                            return message["type"].string == "welcome" ? nil : try await socket.closing()
                        }
                    }
                }
                return try await group.reduce(into: [Closing?]()) { $0.append($1) }
            }
            #expect(closings.contains(nil), "nobody was let in")
            let refused = closings.compactMap(\.self)
            #expect(!refused.isEmpty, "everybody was let in")
            for closing in refused {
                #expect(closing.code == 1013)
                #expect(try closing.comeBackAfterMs <= 5_000)
            }
        }
    }

    @Test("Whoever floods with bad tokens takes no login from others; soon no token of that address is looked at")
    func badTokens() async throws {
        let folder = try temporaryFolder("keys")
        defer { removeFolder(folder) }
        let settings = try Issuer.settings(folder).merging([
            "connect.rate-max": "2", "connect.address-header": "X-Forwarded-For",
        ]) { $1 }
        try await with(settings) { deployment in
            try await withThrowingTaskGroup { group in
                let (codes, flood) = AsyncStream.makeStream(of: Int.self)
                for _ in 0..<4 {
                    group.addTask {
                        while !Task.isCancelled {
                            let code = try await deployment.withSocket(
                                "eve", query: ["token": "bad"], headers: ["X-Forwarded-For": "203.0.113.66"]
                            ) { try await $0.closeCode() }
                            flood.yield(code)
                        }
                    }
                }
                defer { group.cancelAll() }
                var refused: [Int: Int] = [:]
                for await code in codes.prefix(500) {
                    refused[code, default: 0] += 1
                    if code == 4104 { break }
                }
                #expect(refused[4001, default: 0] >= 90, "\(refused)")
                for user in ["ann", "bob"] {
                    try await deployment.withSocket(
                        user, query: ["token": Issuer.userSig(user)], headers: ["X-Forwarded-For": "203.0.113.7"]
                    ) { _ = try await $0.welcome() }
                }
            }
        }
    }

    @Test("Behind a load balancer a client's address is the last one of its header, also for the limit")
    func addressHeader() async throws {
        let settings = ["connect.address-header": "X-Forwarded-For", "connect.sockets-per-address-max": "1"]
        try await with(settings) { deployment in
            func forwarded(_ addresses: String) -> [String: String?] { ["X-Forwarded-For": addresses] }
            func expectAddress(of user: String, _ address: String) async throws {
                let sessions = try await deployment.backend.call(.get, "/v1/users/\(user)").body["sessions"]
                #expect(sessions[0]["address"].string == address)
            }
            try await deployment.withClient("ann", headers: forwarded("198.51.100.9, 203.0.113.1")) { _, _ in
                try await expectAddress(of: "ann", "203.0.113.1")
                try await deployment.withClient("bob", headers: forwarded("203.0.113.1,2001:db8::1")) { _, _ in
                    try await expectAddress(of: "bob", "2001:db8::1")
                }
                try await deployment.withClient("dan") { _, _ in
                    try await expectAddress(of: "dan", "127.0.0.1")
                }
                for addresses in ["203.0.113.1", "192.0.2.7 , 203.0.113.1"] {
                    try await deployment.withSocket("eve", headers: forwarded(addresses)) {
                        try await $0.expectRefusal("overloaded", closes: 4104)
                    }
                }
            }
        }
    }

    @Test(
        "However a proxy spells an address it is one: connections from ever new ports share its quota",
        arguments: [
            ("X-Forwarded-For", "203.0.113.7:50123", ["203.0.113.7:50124", "[::ffff:203.0.113.7]:1"], "203.0.113.7"),
            ("X-Forwarded-For", "[2001:DB8::7]:443", ["2001:db8::7", "[2001:db8::8%eth0]:9"], "2001:db8::7"),
            ("X-Forwarded-For", "198.51.100.9, unknown", ["", ",", "198.51.100.9,_hidden"], "127.0.0.1"),
            (
                "X-Forwarded-For", "198.51.100.9\r\nX-Forwarded-For: 203.0.113.7,",
                ["unknown\r\nX-Forwarded-For: 203.0.113.7:2"], "203.0.113.7"
            ),
            (
                "Forwarded", #"for=198.51.100.9, For="203.0.113.7:50123";proto=https"#,
                [#"host="a\",for=198.51.100.9;b=\"";for=203.0.113.7:2"#], "203.0.113.7"
            ),
            ("Forwarded", "for=203.0.113.7, for=_hidden", ["203.0.113.7", "for=unknown"], "127.0.0.1"),
        ])
    func forwardedAddress(header: String, first: String, others: [String], recorded: String) async throws {
        let settings = ["connect.address-header": header, "connect.sockets-per-address-max": "1"]
        try await with(settings) { deployment in
            try await deployment.withClient("ann", headers: [header: first]) { _, _ in
                let sessions = try await deployment.backend.call(.get, "/v1/users/ann").body["sessions"]
                #expect(sessions[0]["address"].string == recorded)
                for other in others {
                    try await deployment.withSocket("eve", headers: [header: other]) {
                        try await $0.expectRefusal("overloaded", closes: 4104)
                    }
                }
                let another = header == "Forwarded" ? "for=192.0.2.1" : "192.0.2.1"
                try await deployment.withClient("bob", headers: [header: another]) { _, _ in }
            }
        }
    }

    @Test("A header that was not configured is not believed")
    func unconfiguredHeader() async throws {
        try await with(["connect.sockets-per-address-max": "1"]) { deployment in
            try await deployment.withClient("ann", headers: ["X-Forwarded-For": "203.0.113.1"]) { _, _ in
                let sessions = try await deployment.backend.call(.get, "/v1/users/ann").body["sessions"]
                #expect(sessions[0]["address"].string == "127.0.0.1")
                try await deployment.withSocket("eve", headers: ["X-Forwarded-For": "203.0.113.2"]) {
                    try await $0.expectRefusal("overloaded", closes: 4104)
                }
            }
        }
    }

    @Test("A reason longer than a close frame may hold is cut, the error before tells it all")
    func longReason() async throws {
        let folder = try temporaryFolder("platforms")
        defer { removeFolder(folder) }
        let names = (0..<10).map { "SomeRatherLongPlatform\($0)" }
        try Backend.json(["platforms": Dictionary(uniqueKeysWithValues: names.map { ($0, ["class": "desktop"]) })])
            .write(toFile: "\(folder)/platforms.json", atomically: true, encoding: .utf8)
        try await with(["config": "\(folder)/platforms.json"]) { deployment in
            try await deployment.withSocket("ann", "Toaster") { socket in
                #expect(try await socket.messageAnswer()["detail"].string?.contains("LongPlatform9") == true)
                let frame = try #require(try await socket.next())
                #expect(frame.closeCode == 4002 && frame.payload.count <= 125)
            }
        }
    }
}

@Suite("A worker that is told to stop")
struct DrainTests {
    @Test("It closes its sockets one by one and ends; the sessions go on elsewhere as if nothing had happened")
    func drain() async throws {
        let settings = Deployment.longTimeouts.merging(["connect.drain-ms": "4000"]) { $1 }
        try await Deployment.with(settings) { deployment in
            let users = (0..<20).map { "user-\($0)" }
            let worker = deployment.workers[0]
            let (opened, openings) = AsyncStream.makeStream(of: Void.self)
            let closed = try await withThrowingTaskGroup { group in
                for user in users {
                    group.addTask {
                        try await deployment.withClient(user) { client, welcome in
                            openings.yield()
                            let closing = try await client.closing()
                            #expect(closing.code == 1012)
                            #expect(try closing.comeBackAfterMs <= 1_000)
                            let closedAt = ContinuousClock.now
                            let query: KeyValuePairs = ["session": welcome.session]
                            try await deployment.withClient(user, at: 1, query: query) { _, second in
                                #expect(second.resumed && second.version == welcome.version)
                                try await eventually(else: "the login is not delivered") {
                                    !deployment.receiver.changes(of: user).isEmpty
                                }
                                #expect(deployment.receiver.changes(of: user) == ["Login/Register"])
                            }
                            return closedAt
                        }
                    }
                }
                for await _ in opened.prefix(users.count) {}
                worker.child.signal(SIGTERM)
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let spread = try #require(closed.max()) - (try #require(closed.min()))
            #expect(spread > .milliseconds(500), "all closed within \(spread)")
            try await eventually(timeout: .seconds(15), else: "it does not end") { !worker.child.isRunning }
            #expect(worker.child.exitStatus == 0)
            for user in users.prefix(3) {
                try await deployment.expectChanges(of: user, "Login/Register", "Disconnect/LinkClose")
            }
        }
    }
}

extension DrainTests {
    @Test("A client that is logging out as the worker is told to stop gets its answer, when Redis does")
    func logout() async throws {
        let settings = Deployment.longTimeouts.merging(["connect.drain-ms": "0"]) { $1 }
        try await Deployment.with(workers: 1, settings) { deployment in
            try await deployment.withClient("ann", "Android") { ann, _ in
                try await deployment.withClient("bob") { bob, _ in
                    await deployment.redis.pause()
                    ann.say("logout")
                    try await ann.expectOpen()
                    deployment.workers[0].child.signal(SIGTERM)
                    #expect(try await bob.closing().code == 1012)
                    await deployment.redis.resume()
                    try await ann.expectLoggedOut()
                }
            }
            try await deployment.redis.withClient { redis in
                let key = try #require(try await redis.send(RedisCommand(keyless: "KEYS", "*:user:ann")).array?.first)
                let record = try await redis.send(RedisCommand("HKEYS", key: try #require(key.string)))
                #expect(record == .array([.string("version")]), "logged out, and not PushOnline")
            }
        }
    }
}

extension Deployment {
    /// A client that comes again and again is let in.
    fileprivate func expectRoom(for user: String) async throws {
        try await eventually(else: "no room again") {
            try await withSocket(user) { try await $0.messageAnswer()["type"].string == "welcome" }
        }
    }
}

extension Closing {
    var comeBackAfterMs: Int {
        get throws {
            let match = try #require(reason.wholeMatch(of: /retry-after-ms=(\d+)/), "\(reason)")
            return try #require(Int(match.1))
        }
    }
}
