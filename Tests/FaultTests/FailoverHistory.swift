import RedisClient
import Support

/// What clients were told, what Redis kept and what the receiver heard while masters failed, and what of that may not
/// be. Pure: a test feeds it made-up histories.
struct FailoverHistory: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A change as it stands in the stream of its shard.
    struct Change: Sendable, Hashable {
        var id: String
        var user: String
        var version: Int
        var previous: Int
        /// `Login/Register`
        var change: String
    }

    /// A change a client was told of.
    struct Acknowledgement: Sendable {
        /// Of the event: the session's generation, and the user's version.
        var id: String
        var user: String
        var at: Instant
    }

    /// A client that was told that a session it is in is gone, or is not Online.
    struct Denial: Sendable {
        /// Of the event of the login.
        var login: String
        var user: String
        var what: String
    }

    var acknowledged: [Acknowledgement] = []
    var denials: [Denial] = []
    /// When logins and heartbeats were asked for that were acknowledged, by user; Unix time in milliseconds.
    var renewals: [String: [Int]] = [:]
    /// The changes each server had that took the place of a master, at the time the master failed.
    var promotedWith: [Set<String>] = []
    /// The changes there are at the end, oldest first within each user.
    var kept: [Change] = []
    /// Every attempt the receiver accepted, repeats of an event among them, in the order they came.
    var heard: [CallbackReceiver.Event] = []

    private var keptIDs: Set<String> { Set(kept.map(\.id)) }

    /// Acknowledged, and not there at the end.
    var lost: [Acknowledgement] {
        let kept = keptIDs
        return acknowledged.filter { !kept.contains($0.id) }
    }

    /// Heard by the receiver, and not there at the end.
    var heardAndLost: Set<String> { Set(heard.map(\.id)).subtracting(keptIDs) }

    /// How much was lost, as a sentence.
    var losses: String {
        let gone = Set(denials.map(\.login)).subtracting(keptIDs).count
        return
            "\(lost.count) of \(acknowledged.count) acknowledged changes are lost, \(heardAndLost.count) of which had "
            + "been delivered; \(gone) clients were told that their session is gone"
    }

    /// What contradicts the promises, as sentences.
    var faults: [String] { lossOfWhatWasPassedOn + deliveryFaults + orderFaults + falseDenials + falseEnds }

    /// A replica lost what it had.
    private var lossOfWhatWasPassedOn: [String] {
        let kept = keptIDs
        return promotedWith.flatMap { $0.subtracting(kept) }.map { "\($0) was on the replica, and is lost" }
    }

    /// An event of the outbox was passed over.
    private var deliveryFaults: [String] {
        keptIDs.subtracting(heard.map(\.id)).map { "\($0) was never delivered" }
    }

    /// Each event of a user names the one before, unless that is lost; and a loss shows.
    private var orderFaults: [String] {
        let kept = keptIDs
        var faults: [String] = []
        for (user, changes) in Dictionary(grouping: self.kept, by: \.user) {
            for (before, change) in zip([nil] + changes, changes) where change.previous != before?.version ?? 0 {
                faults.append("\(user): \(change.id) names \(change.previous) as the change before it")
            }
        }
        var seen: Set<String> = []
        let first = heard.filter { seen.insert($0.id).inserted }
        for (user, events) in Dictionary(grouping: first, by: \.user) {
            for (before, event) in zip([nil] + events, events) where event.previous != before?.version ?? 0 {
                let isGap = before.map { !kept.contains($0.id) } ?? false
                if !isGap { faults.append("\(user): \(event.id) came after version \(before?.version ?? 0)") }
            }
            for (before, event) in zip(events, events.dropFirst())
            where event.previous == before.version && kept.contains(event.id) && !kept.contains(before.id) {
                faults.append("\(user): that \(before.id) is lost does not show in \(event.id)")
            }
        }
        return faults
    }

    /// Only whose login is lost, or who fell silent, may be told that it is gone.
    private var falseDenials: [String] {
        let kept = keptIDs
        let silent = Set(ends.filter { isOfSilence($0) }.map(\.user))
        return denials.filter { kept.contains($0.login) && !silent.contains($0.user) }.map {
            "\($0.user) was in \($0.login) and told \($0.what)"
        }
    }

    /// Nobody but those who come and go has been anything but logged in, unless the traffic itself was so slow that
    /// nothing came from them for a whole timeout.
    private var falseEnds: [String] {
        ends.filter { !$0.user.hasPrefix(FailoverTraffic.restless) && !isOfSilence($0) }.map {
            "\($0.user) stayed, and \($0.id) says \($0.change)"
        }
    }

    private var ends: [(user: String, id: String, version: Int, change: String)] {
        let ends =
            kept.map { ($0.user, $0.id, $0.version, $0.change) } + heard.map { ($0.user, $0.id, $0.version, $0.change) }
        return ends.filter { $0.3 != "Login/Register" }
    }

    /// Versions are times: that of the change, or later.
    private func isOfSilence(_ end: (user: String, id: String, version: Int, change: String)) -> Bool {
        let lived = renewals[end.user]?.contains { end.version - Self.timeoutMs < $0 && $0 <= end.version } ?? false
        return end.change == "Disconnect/TimeOut" && !lived
    }

    static let timeoutMs = 12_000
}

extension FailoverHistory.Change {
    /// - Parameter fields: names and values in turn, as `XRANGE` gives them.
    init?(_ fields: [String]) {
        var named: [String: String] = [:]
        for index in stride(from: 0, to: fields.count - 1, by: 2) { named[fields[index]] = fields[index + 1] }
        guard let user = named["user"], let session = named["session"],
            let generation = session.split(separator: ":").last,
            let version = named["version"].flatMap({ Int($0) }), let previous = named["previous"].flatMap({ Int($0) })
        else { return nil }
        self.init(
            id: "\(generation)-\(version)", user: user, version: version, previous: previous,
            change: "\(named["action"] ?? "")/\(named["reason"] ?? "")")
    }
}

extension RedisServer {
    /// The changes this server has, whatever its role, oldest first within each shard.
    func changes(shards: Int = 16) async throws -> [FailoverHistory.Change] {
        var changes: [FailoverHistory.Change] = []
        for shard in 0..<shards {
            var start = "-"
            while true {
                let page = try await page(of: Deployment.key(shard, "events"), from: start)
                changes += page.compactMap { entry in
                    (entry.array?.last?.array?.compactMap(\.string)).flatMap(FailoverHistory.Change.init)
                }
                guard let last = page.last?.array?.first?.string else { break }
                start = "(\(last)"
            }
        }
        return changes
    }

    /// Sentinels end the connections of a server they give another role: then it is asked again.
    private nonisolated func page(of stream: String, from start: String) async throws -> [RedisValue] {
        var page: [RedisValue]?
        try await eventually(else: "\(stream) cannot be read") {
            page = (try? await command("XRANGE", stream, start, "+", "COUNT", "100"))?.array
            return page != nil
        }
        return page ?? []
    }
}
