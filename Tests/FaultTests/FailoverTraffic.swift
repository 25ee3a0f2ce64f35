import Foundation
import Support
import Synchronization
import Testing

/// Users that log in without end, on one worker and on the other, and stay: they heartbeat and are asked for; some log
/// out, or lose their connection, and come again. What they are told is kept.
final class FailoverTraffic: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var history = FailoverHistory()
        /// Who is logged in: with which session, and the event of that login.
        var members: [String: (session: String, login: String)] = [:]
        /// When each worker accepted a login, and when that was asked for.
        var accepted: [Int: [(asked: Instant, answered: Instant)]] = [:]
    }

    /// The first part of the names of those who come and go.
    static let restless = "restless"

    private let backends: [Backend]
    private let both: Backend
    private let pause: Duration
    private let names: String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - pause: between two logins on a worker.
    ///   - names: of the users that stay.
    init(on workers: [PresenceProcess], pause: Duration = .milliseconds(20), names: String = "joined") {
        self.names = names
        backends = workers.map { Backend($0) }
        both = Backend(workers.map(\.url))
        self.pause = pause
    }

    var history: FailoverHistory { state.withLock(\.history) }
    var acceptedCount: Int { state.withLock { $0.accepted.values.map(\.count).reduce(0, +) } }

    /// Runs the body beside the traffic.
    func running(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            for worker in backends.indices {
                group.addTask { try await self.join(worker) }
                group.addTask { try await self.comeAndGo(worker) }
            }
            group.addTask { try await self.heartbeat() }
            group.addTask { try await self.ask() }
            try await body()
            group.cancelAll()
            // The last answers still count.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    /// Waits until every worker has accepted a login it was asked for after the moment.
    /// - Returns: when the last of them did.
    @discardableResult
    func isAccepted(since start: Instant, timeout: Duration = .seconds(30)) async throws -> Instant {
        var last = start
        try await eventually(timeout: timeout, else: "not every worker accepts logins") {
            let firsts = state.withLock { state in
                backends.indices.map { state.accepted[$0]?.first { $0.asked > start }?.answered }
            }
            last = firsts.compactMap(\.self).max() ?? start
            return !firsts.contains { $0 == nil }
        }
        return last
    }

    /// Waits until everybody who is logged in is Online to those who ask, having heartbeaten once more.
    func allAreOnline(timeout: Duration = .seconds(30)) async throws {
        var absent: [String] = []
        try await eventually(timeout: timeout, else: "not Online: \(absent.prefix(10)) (\(absent.count))") {
            let users = state.withLock { Array($0.members.keys) }
            absent = []
            for chunk in users.chunks(500) {
                let answer = try await both.statuses(chunk)
                absent += answer.body["results"].list.filter { $0["status"].string != "Online" }.map {
                    $0["user"].string ?? ""
                }
                if answer.status != 200 { absent += chunk }
            }
            return absent.isEmpty
        }
    }
}

/// What they do.
extension FailoverTraffic {
    private func join(_ worker: Int) async throws {
        for number in 0... {
            try await login("\(names)-\(worker)-\(number)", on: worker)
            try await Task.sleep(for: pause)
        }
    }

    /// Until it is accepted.
    @discardableResult
    private func login(_ user: String, on worker: Int, stays: Bool = true) async throws -> String {
        while true {
            try Task.checkCancellation()
            let asked = ContinuousClock.now
            let askedMs = Self.nowMs
            let answer = try await backends[worker].login(user, "Android")
            if let session = answer.body["session"].string, let version = answer.body["version"].int {
                let login = Self.event(session, version)
                state.withLock { state in
                    if stays { state.members[user] = (session, login) }
                    state.history.acknowledged.append(.init(id: login, user: user, at: .now))
                    if stays { state.history.renewals[user, default: []].append(askedMs) }
                    state.accepted[worker, default: []].append((asked, .now))
                }
                return session
            }
            #expect(answer.status == 503, "a login: \(answer.status) \(answer.text)")
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private static var nowMs: Int { Int(Date().timeIntervalSince1970 * 1_000) }

    private static func event(_ session: String, _ version: Int) -> String {
        "\(session.split(separator: ":").last ?? "")-\(version)"
    }

    /// A user of its own, whose record changes all the time.
    private func comeAndGo(_ worker: Int) async throws {
        let backend = backends[worker]
        let user = "\(Self.restless)-\(names)-\(worker)"
        for number in 0... {
            let session = try await login(user, on: worker, stays: false)
            let answer =
                number % 2 == 0
                ? try await backend.disconnect(user, session) : try await backend.logout(user, session)
            if answer.status == 200, answer.body["superseded"].bool == false, let version = answer.body["version"].int {
                let id = Self.event(session, version)
                state.withLock { $0.history.acknowledged.append(.init(id: id, user: user, at: .now)) }
            }
            try await Task.sleep(for: pause)
        }
    }

    /// All together, so that during an outage nobody waits for the others' calls to fail.
    private func heartbeat() async throws {
        while true {
            let members = state.withLock { $0.members.map { (user: $0.key, session: $0.value.session) } }
            try await withThrowingDiscardingTaskGroup { group in
                for beats in members.chunks(500) { group.addTask { try await self.heartbeat(beats) } }
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    private func heartbeat(_ beats: [(user: String, session: String)]) async throws {
        let askedMs = Self.nowMs
        let answer = try await both.heartbeat(beats)
        #expect(answer.status == 200 || answer.status == 503, "heartbeats: \(answer.status) \(answer.text)")
        if answer.status == 200 {
            let others = (answer.body["gone"].list + answer.body["errors"].list).compactMap { $0["user"].string }
            let renewed = Set(beats.map(\.user)).subtracting(others)
            state.withLock { state in
                for user in renewed { state.history.renewals[user, default: []].append(askedMs) }
            }
        }
        for gone in answer.body["gone"].list {
            guard let user = gone["user"].string, let session = gone["session"].string else { continue }
            deny(user, session, "that it is gone")
            try await login(user, on: 0)
        }
    }

    private func ask() async throws {
        while true {
            let members = state.withLock { $0.members.shuffled().prefix(200) }
            for part in members.chunks(200) {
                let answer = try await both.statuses(part.map(\.key))
                #expect(answer.status == 200 || answer.status == 503, "a query: \(answer.status) \(answer.text)")
                // Those that could not be asked for are not among the results.
                let sessions = Dictionary(uniqueKeysWithValues: part.map { ($0.key, $0.value.session) })
                for result in answer.body["results"].list {
                    guard let user = result["user"].string, let session = sessions[user],
                        let status = result["status"].string, status != "Online"
                    else { continue }
                    deny(user, session, status)
                }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func deny(_ user: String, _ session: String, _ what: String) {
        state.withLock { state in
            // Logged in again since then.
            guard let member = state.members[user], member.session == session else { return }
            state.history.denials.append(.init(login: member.login, user: user, what: what))
        }
    }
}

extension Collection {
    /// In parts of at most so many.
    func chunks(_ size: Int) -> [[Element]] {
        let all = Array(self)
        return stride(from: 0, to: all.count, by: size).map { Array(all[$0..<Swift.min($0 + size, all.count)]) }
    }
}
