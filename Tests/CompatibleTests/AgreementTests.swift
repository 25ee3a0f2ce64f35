import CZlib
import RedisClient
import Support
import Testing

@Suite("The compatible and the native API")
struct AgreementTests {
    private static let users = (0..<500).map { "user-\($0)" }
    private static let platforms = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux", "Web", "MiniProgram"]
    private static let seed: UInt64 = 20_240_615

    /// Sessions whose time was up.
    private struct Ended {
        /// No heartbeat of theirs came in time.
        var silent: Set<String> = []
        /// They were PushOnline for too long.
        var expired: Set<String> = []
    }

    @Test("They agree on 500 users, through random logins, losses, silences, expiries, logouts and kicks")
    func agreement() async throws {
        try await CompatibleWorker.with(workers: 2, ["login.limits": "Web=2,Android=2"]) { worker in
            for round: UInt64 in 0..<4 {
                let ended = try await withThrowingTaskGroup { group in
                    for part in 0..<10 {
                        group.addTask {
                            var life = Lives(worker, seed: Self.seed + round * 100 + UInt64(part))
                            return try await life.live(
                                Self.users.enumerated().filter { $0.offset % 10 == part }.map(\.element))
                        }
                    }
                    return try await group.reduce(into: Ended()) {
                        $0.silent.formUnion($1.silent)
                        $0.expired.formUnion($1.expired)
                    }
                }
                let comment: Comment = "seed \(Self.seed), round \(round)"
                #expect(!ended.silent.isEmpty && !ended.expired.isEmpty, comment)
                try await waitUntilSettled(ended, worker)
                for number in 0...1 { try await compare(worker.beside(number), comment) }
            }
            let receiver = worker.deployment.receiver
            try await eventually(else: "no TimeOut or no Expired is heard of") {
                Set(receiver.events.map(\.change)).isSuperset(of: ["Disconnect/TimeOut", "Logout/Expired"])
            }
        }
    }

    private func waitUntilSettled(_ ended: Ended, _ worker: CompatibleWorker) async throws {
        try await eventually(else: "sessions whose time is up live on") {
            let users = try await worker.backend.statuses(Self.users, detail: true).body["results"].list
            let isLeft = users.flatMap(\.["sessions"].list).contains { session in
                let id = session["session"].string ?? ""
                return ended.expired.contains(id) || ended.silent.contains(id) && session["status"].string == "Online"
            }
            return users.count == 500 && !isLeft
        }
    }

    private func compare(_ worker: CompatibleWorker, _ comment: Comment) async throws {
        let native = try await worker.backend.statuses(Self.users, detail: true).body["results"].list
        let body = try Backend.json(["To_Account": Self.users, "IsNeedDetail": 1])
        let compatible = try await worker.call("openim/query_online_status", body).json["QueryResult"].list
        #expect(native.count == 500 && compatible.count == 500, comment)
        var seen: Set<String> = []
        for (user, (one, other)) in zip(Self.users, zip(native, compatible)) {
            #expect(other["To_Account"].string == user, comment)
            #expect(other["Status"] == one["status"] && other["State"] == one["status"], "\(user), \(comment)")
            #expect(
                Self.detail(of: one) == Set(other["Detail"].list.compactMap(\.platformStatus)), "\(user), \(comment)")
            seen.insert(one["status"].string ?? "")
        }
        #expect(seen == ["Online", "PushOnline", "Offline"], "a run that shows less proves less")
    }

    /// What the native answer says of a user, told as Detail.
    private static func detail(of user: JSON) -> Set<String> {
        var detail: [String: String] = [:]
        for session in user["sessions"].list {
            let platform = session["platform"].string ?? ""
            let names = ["Windows": "PC", "Linux": "PC", "MiniProgram": "Web"]
            let name = names[platform] ?? platform
            if detail[name] != "Online" { detail[name] = session["status"].string }
        }
        return Set(detail.map { "\($0.key) \($0.value)" })
    }

    /// Random deeds of users nobody else acts for.
    private struct Lives {
        let worker: CompatibleWorker
        private var random: SeededGenerator
        private var sessions: [String: [String]] = [:]

        init(_ worker: CompatibleWorker, seed: UInt64) {
            self.worker = worker
            random = SeededGenerator(seed: seed)
        }

        mutating func live(_ users: [String]) async throws -> Ended {
            for _ in 0..<users.count * 3 {
                if let user = users.randomElement(using: &random) { try await act(for: user) }
            }
            // One each, as a kick takes a second.
            if let user = users.randomElement(using: &random) {
                let number = Int.random(in: 0...1, using: &random)
                let kick = try await worker.beside(number).call("im_open_login_svc/kick", #"{"UserID":"\#(user)"}"#)
                #expect(kick.code == 0)
            }
            return try await runOut(users)
        }

        /// The time of each third of these users' sessions is up: its timer is gone, and its user is due.
        private mutating func runOut(_ users: [String]) async throws -> Ended {
            var ended = Ended()
            let deployment = worker.deployment
            try await deployment.redis.withClient { redis in
                for user in users {
                    let shard = Int(crc32(0, Array(user.utf8), uInt(user.utf8.count))) % 16
                    for session in sessions[user] ?? [] where Int.random(in: 0..<3, using: &random) == 0 {
                        let ends = try await redis.replies([
                            RedisCommand("DEL", key: Deployment.key(shard, "lease:\(user):\(session)")),
                            RedisCommand("DEL", key: Deployment.key(shard, "push:\(user):\(session)")),
                            RedisCommand("ZADD", key: Deployment.key(shard, "deadlines"), "XX", "0", user),
                        ])
                        if ends[0] == .integer(1) { ended.silent.insert(session) }
                        if ends[1] == .integer(1) { ended.expired.insert(session) }
                    }
                }
            }
            return ended
        }

        private mutating func act(for user: String) async throws {
            let known = sessions[user]?.randomElement(using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 5...7:
                if let known { _ = try await worker.backend.disconnect(user, known) }
            case 8:
                if let known { _ = try await worker.backend.logout(user, known) }
            case 9:
                _ = try await worker.backend.kick(
                    user, platform: AgreementTests.platforms.randomElement(using: &random))
            default:
                let platform = AgreementTests.platforms.randomElement(using: &random) ?? "Web"
                let instance = ["a", "b", "c"].randomElement(using: &random)
                sessions[user, default: []]
                    .append(try await worker.backend.session(user, platform, instance: instance))
            }
        }
    }
}
