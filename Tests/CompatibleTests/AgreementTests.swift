import Support
import Testing

@Suite("The compatible and the native API")
struct AgreementTests {
    private static let users = (0..<500).map { "user-\($0)" }
    private static let platforms = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux", "Web", "MiniProgram"]
    private static let seed: UInt64 = 20_240_615

    @Test("They agree on 500 users, through random logins, losses, logouts and kicks")
    func agreement() async throws {
        try await CompatibleWorker.with(["login.limits": "Web=2,Android=2"]) { worker in
            for round: UInt64 in 0..<4 {
                try await withThrowingTaskGroup { group in
                    for part in 0..<10 {
                        group.addTask {
                            var life = Lives(worker, seed: Self.seed + round * 100 + UInt64(part))
                            try await life.live(
                                Self.users.enumerated().filter { $0.offset % 10 == part }.map(\.element))
                        }
                    }
                    try await group.waitForAll()
                }
                try await compare(worker, "seed \(Self.seed), round \(round)")
            }
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

        mutating func live(_ users: [String]) async throws {
            for _ in 0..<users.count * 3 {
                guard let user = users.randomElement(using: &random) else { return }
                try await act(for: user)
            }
            // One each, as a kick takes a second.
            guard let user = users.randomElement(using: &random) else { return }
            let kick = try await worker.call("im_open_login_svc/kick", #"{"UserID":"\#(user)"}"#)
            #expect(kick.code == 0)
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
