import ArgumentParser
import Foundation
import Logging
import NIOPosix
import PresenceCore
import PresenceStore
import RedisClient

/// `presence query <user...>`: what Redis has on record, readable.
struct Query: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show users' presence.")

    @OptionGroup var redis: RedisArguments

    @Argument(help: "Ids of users.")
    var users: [String]

    func run() async throws {
        try await exitingWithSentence {
            let users = try users.map(Self.user)
            try await redis.withStore { store in
                let presences = try await store.presences(of: users).unlessNobodyCouldBeAsked()
                for (user, presence) in zip(users, presences) {
                    switch presence {
                    case .success(let presence):
                        for line in Self.lines(presence, store.keys) { print(line.escaped) }
                    case .failure(let error): print("\(user)  \(error.message)".escaped)
                    }
                }
                if presences.contains(where: { (try? $0.get()) == nil }) { throw ExitCode.failure }
            }
        }
    }

    private static func user(_ id: String) throws(StartError) -> UserID {
        do { return try UserID(id) } catch { throw StartError(.usage, "A user id \(error.message).") }
    }

    private static func lines(_ presence: UserPresence, _ keys: KeySpace) -> [String] {
        var lines = ["\(presence.user)  \(presence.status.rawValue)\(since(presence.changedAtMs))"]
        for session in presence.sessions {
            var line = "  \(session.id.device)  \(session.status.rawValue)\(since(session.changedAtMs))"
            let details = [
                ("from", session.details.address), ("over", session.details.network),
                ("version", session.details.version), ("by", session.worker),
            ]
            for (word, detail) in details { line += detail.map { ", \(word) \($0)" } ?? "" }
            lines.append(line)
        }
        return lines + ["  key  \(keys.user(presence.user))"]
    }

    private static func since(_ milliseconds: Int?) -> String {
        guard let milliseconds else { return "" }
        return " since " + Date(timeIntervalSince1970: Double(milliseconds) / 1_000).formatted(.iso8601)
    }
}
