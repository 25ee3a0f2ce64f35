import PresenceCore
import PresenceStore
import Support
import Synchronization
import Testing

/// Devices of users in every shard, at work without end: each logs in, heartbeats and asks for its status; some then
/// log out, lose their connection or fall silent, and begin anew. Keeps every answer, to be held against what the
/// receiver heard.
final class Traffic: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Kind: String, CaseIterable { case login, heartbeat, query, disconnect, logout }

    struct Call: Sendable {
        let kind: Kind
        let shard: Shard
        let begun: Instant
        let took: Duration
        let isAnswered: Bool
    }

    private struct State {
        var calls: [Call] = []
        /// Versions of acknowledged changes, and how many logins are without an answer.
        var acknowledged: [String: Set<Int>] = [:]
        var logins: [String: (accepted: Int, unanswered: Int)] = [:]
        /// When the last login or heartbeat of each was begun that was acknowledged.
        var renewed: [String: Instant] = [:]
        var isEnding = false
    }

    /// The shortest heartbeat timeout there is where this runs.
    private static let timeout: Duration = .seconds(6)

    /// Who stays for good, and who comes and goes.
    private let steady: [String]
    private let fickle: [String]
    private let backend: Backend
    private let keys: KeySpace
    private let silence: Duration
    private let state = Mutex(State())

    /// - Parameters:
    ///   - usersPerShard: of either kind, in every shard.
    ///   - silence: how long one that has fallen silent may be taken for Online.
    init(on backend: Backend, usersPerShard: Int = 1, shards: Int = 16, silence: Duration = .seconds(60)) {
        self.backend = backend
        self.silence = silence
        let keys = KeySpace(prefix: "presence", shards: shards)
        self.keys = keys
        steady = (0..<shards).flatMap { Self.users("steady", usersPerShard, in: $0, of: keys) }
        fickle = (0..<shards).flatMap { Self.users("fickle", usersPerShard, in: $0, of: keys) }
    }

    /// Names of users of the shard.
    static func users(_ name: String, _ count: Int, in shard: Shard, of keys: KeySpace) -> [String] {
        let all = (0...).lazy.map { "\(name)-\(shard)-\($0)" }
        return Array(all.filter { user in (try? UserID(user)).map { keys.shard(of: $0) } == shard }.prefix(count))
    }

    /// Runs the body beside the traffic; at its end every device logs out.
    func running(_ body: () async throws -> Void) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for user in steady { group.addTask { await self.run(user, beats: .max) } }
            for user in fickle { group.addTask { await self.run(user, beats: 8) } }
            defer { state.withLock { $0.isEnding = true } }
            try await body()
        }
    }

    /// Waits until so many more calls of the kinds were answered in each of the shards.
    func goesOn(
        _ count: Int = 5, _ kinds: Set<Kind> = Set(Kind.allCases), in shards: Set<Shard>,
        timeout: Duration = .seconds(60)
    ) async throws {
        let start = ContinuousClock.now
        try await eventually(timeout: timeout, else: "calls of \(kinds) are not answered in shards \(shards)") {
            let answered = calls(since: start).filter { $0.isAnswered && kinds.contains($0.kind) }
            let counts = Dictionary(grouping: answered, by: \.shard).mapValues(\.count)
            return shards.allSatisfy { counts[$0, default: 0] >= count }
        }
    }

    /// The calls that began and ended between these moments.
    func calls(since start: Instant, until end: Instant = .now) -> [Call] {
        state.withLock { $0.calls.filter { $0.begun >= start && $0.begun + $0.took <= end } }
    }

    private var isEnding: Bool { state.withLock(\.isEnding) }
}

/// A device's life.
extension Traffic {
    /// A failure is told at once, whatever the body waits for.
    private func run(_ user: String, beats: Int) async {
        do { try await live(user, beats: beats) } catch { if !Task.isCancelled { Issue.record(error, "\(user)") } }
    }

    /// - Parameter beats: after how many heartbeats it ends, at most.
    private func live(_ user: String, beats: Int) async throws {
        while !isEnding {
            let session = try await loggedIn(user)
            let isThere = try await stays(user, session, beats)
            if isThere { try await ends(user, session) }
        }
    }

    private func loggedIn(_ user: String) async throws -> String {
        try await answered(.login, user) {
            state.withLock {
                $0.logins[user, default: (0, 0)].unanswered += 1
                $0.renewed[user] = .now
            }
            let answer = try await backend.login(user, "Web")
            state.withLock { $0.logins[user, default: (0, 0)].unanswered -= answer.status == 201 ? 1 : 0 }
            return answer
        } take: { answer in
            state.withLock { state in
                state.logins[user, default: (0, 0)].accepted += 1
                _ = answer.body["version"].int.map { state.acknowledged[user, default: []].insert($0) }
            }
            return answer.body["session"].string ?? ""
        }
    }

    /// Heartbeats, each followed by a query.
    /// - Returns: whether the session is still there.
    private func stays(_ user: String, _ session: String, _ beats: Int) async throws -> Bool {
        for _ in 0..<Int.random(in: min(3, beats)...beats) {
            if isEnding { break }
            try await Task.sleep(for: .milliseconds(Int.random(in: 400...600)))
            let begun = Instant.now
            let beat = try await once(.heartbeat, user) { try await backend.heartbeat([(user, session)]) }
            guard beat?.body["gone"].list.isEmpty ?? true else {
                if !isSilent(user) { Issue.record("\(user) heartbeats and is told that it is gone") }
                return false
            }
            if beat != nil { state.withLock { $0.renewed[user] = begun } }
            let query = try await once(.query, user) { try await backend.statuses([user]) }
            guard let status = query?.body["results"][0]["status"].string, status != "Online" else { continue }
            if !isSilent(user) { Issue.record("\(user) heartbeats and is \(status)") }
        }
        return true
    }

    /// Whether this traffic was so slow that the user may have timed out.
    private func isSilent(_ user: String) -> Bool {
        state.withLock { $0.renewed[user].map { .now - $0 >= Self.timeout } ?? true }
    }

    private func ends(_ user: String, _ session: String) async throws {
        switch isEnding ? 0 : Int.random(in: 0..<3) {
        case 0: try await changes(.logout, user) { try await backend.logout(user, session) }
        case 1: try await changes(.disconnect, user) { try await backend.disconnect(user, session) }
        default:
            try await eventually(timeout: silence, else: "\(user) is silent and stays Online") {
                try await Task.sleep(for: .milliseconds(300))
                let query = try await once(.query, user) { try await backend.statuses([user]) }
                return query?.body["results"][0]["status"].string == "Offline"
            }
        }
    }

    private func changes(_ kind: Kind, _ user: String, _ call: () async throws -> Backend.Answer) async throws {
        try await answered(kind, user, call) { answer in
            guard answer.body["superseded"].bool == false, let version = answer.body["version"].int else { return }
            state.withLock { _ = $0.acknowledged[user, default: []].insert(version) }
        }
    }

    /// Calls until it is answered.
    private func answered<Result>(
        _ kind: Kind, _ user: String, _ call: () async throws -> Backend.Answer,
        take: (Backend.Answer) -> Result
    ) async throws -> Result {
        var answer: Backend.Answer?
        try await eventually(timeout: .seconds(180), else: "\(kind) of \(user) is never answered") {
            if answer == nil { answer = try await once(kind, user, call) }
            if answer == nil { try await Task.sleep(for: .milliseconds(200)) }
            return answer != nil
        }
        return take(try #require(answer))
    }

    /// - Returns: the answer; nil for a 503.
    private func once(
        _ kind: Kind, _ user: String, _ call: () async throws -> Backend.Answer
    ) async throws -> Backend.Answer? {
        let begun = ContinuousClock.now
        let answer = try await call()
        let shard = keys.shard(of: try UserID(user))
        let isError = !answer.body["errors"].list.isEmpty
        let isAnswered = (200..<300).contains(answer.status) && !isError
        #expect(isAnswered || answer.isPutOff || isError, "\(kind) of \(user): \(answer.status) \(answer.text)")
        let call = Call(kind: kind, shard: shard, begun: begun, took: .now - begun, isAnswered: isAnswered)
        state.withLock { $0.calls.append(call) }
        return isAnswered ? answer : nil
    }
}

/// What it came to.
extension Traffic {
    /// Waits until the receiver has heard the last change of every user, and holds what it heard against the answers:
    /// every acknowledged change is there, each once, each naming the one before, told in that order.
    func check(_ receiver: CallbackReceiver) async throws {
        let (acknowledged, logins) = state.withLock { ($0.acknowledged, $0.logins) }
        for user in steady + fickle {
            let latest = try await backend.statuses([user]).body["results"][0]["version"].int
            try await eventually(else: "\(user): \(latest as Any) is not told") {
                receiver.events(of: user).map(\.version).max() == latest
            }
            let events = receiver.events(of: user)
            expectOrder(events, count: events.count)
            let lost = acknowledged[user, default: []].subtracting(events.map(\.version))
            #expect(lost.isEmpty, "\(user): acknowledged and never told: \(lost)")
            let told = events.count { $0.action == "Login" }
            let (accepted, unanswered) = logins[user, default: (0, 0)]
            #expect((accepted...accepted + unanswered).contains(told), "\(user): \(told) logins of \(accepted)")
        }
        try await eventually(else: "all are logged out, and some are counted as Online") {
            try await backend.call(.get, "/v1/stats").body["users"]["Online"].int == 0
        }
    }

    /// How often and how fast was answered since then, as a line.
    func summary(of shards: Set<Shard>, since start: Instant, until end: Instant = .now) -> String {
        let calls = calls(since: start, until: end).filter { shards.contains($0.shard) }
        let kinds = Kind.allCases.map { kind in
            let calls = calls.filter { $0.kind == kind }
            return "\(kind) \(calls.count { !$0.isAnswered }) of \(calls.count)"
        }
        let slowest = calls.filter(\.isAnswered).max { $0.took < $1.took }
        let told = slowest.map { "\($0.kind) of shard \($0.shard) \($0.took), after \($0.begun - start)" } ?? "none"
        return "\(shards.count) shards, errors: \(kinds.joined(separator: ", ")); slowest answer: \(told)"
    }

    func errors(of shards: Set<Shard>, _ kinds: Set<Kind> = Set(Kind.allCases), since start: Instant) -> Int {
        calls(since: start).count { !$0.isAnswered && shards.contains($0.shard) && kinds.contains($0.kind) }
    }
}
