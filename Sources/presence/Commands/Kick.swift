import ArgumentParser
import Inspection
import JSON
import Logging
import Logs
import PresenceAPI
import PresenceCore
import PresenceStore

/// `presence kick <user>`: ends a user's sessions.
struct Kick: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End a user's sessions.",
        discussion: """
            Does what POST /v1/users/{user}/kick does: all sessions of the user end, or those on a platform, or of an \
            instance. Their clients are told, and do not come back; the receiver hears Logout/Kicked. Usersigs are not \
            revoked. The exit status is 1 where no session was meant.
            """)

    @OptionGroup var redis: RedisArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The user's id.")
    var user: String

    @Option(help: "Only sessions on this platform.")
    var platform: String?

    @Option(help: "Only sessions of this instance.")
    var instance: String?

    @Option(help: "Why: the clients and the event log are told.")
    var reason: String?

    func run() async throws {
        try await exitingWithSentence {
            let user = try CommandInput.user(user)
            let instance = try CommandInput.checked("--instance") { () throws(InvalidInput) in
                try self.instance.map { name throws(InvalidInput) in try InstanceID(name) }
            }
            let note = try CommandInput.checked("--reason") { () throws(InvalidInput) in try KickNote.checked(reason) }
            try await redis.withStore { store in
                let platform = try await Self.platform(self.platform, of: user, store)
                let about: LogMetadata = [
                    .user: "\(user)", .platform: "\(platform?.name ?? "all")",
                    .instance: "\(instance?.rawValue ?? "all")",
                    .reason: "\(note ?? "none")",
                ]
                let answer = try await Logger.audited(.kick, about) { work in
                    let answer = try await store.kick(user, platform: platform, instance: instance, note: note)
                    work.about[.count] = "\(answer.kicked.count)"
                    return answer
                }
                output.print(Self.told(user, answer), Self.lines(user, answer))
                if answer.kicked.isEmpty { throw ExitCode.failure }
            }
        }
    }

    private static func platform(_ name: String?, of user: UserID, _ store: PresenceStore) async throws -> Platform? {
        guard let name else { return nil }
        do { return try await store.platform(name, ofSessionsOf: user) } catch let error as InvalidInput {
            throw StartError(.usage, "--platform \(error.message).")
        }
    }

    private static func lines(_ user: UserID, _ answer: KickAnswer) -> [String] {
        guard !answer.kicked.isEmpty else {
            return ["No session was meant: \(user) is \(answer.userStatus.rawValue), and nothing was changed."]
        }
        return answer.kicked.map { "ended \($0)" } + ["\(user) is \(answer.userStatus.rawValue)"]
    }

    private static func told(_ user: UserID, _ answer: KickAnswer) -> JSONObject {
        JSONObject { json in
            json.member("user", user.rawValue)
            json.member("status", answer.userStatus.rawValue)
            json.member("version", answer.version)
            json.member("kicked", answer.kicked.map(\.description))
        }
    }
}
